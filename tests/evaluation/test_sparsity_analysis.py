"""Sparsity of a model on texts, against counts on its vectors; texts of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation.sparsity_analysis import SAMPLES, analyze_sparsity, read_texts


def test_against_the_vectors(embedder: Any) -> None:
    texts = ["The kiln fires clay.", "", "Brakes squeal when the rim is dirty."]
    analysis = analyze_sparsity(embedder, texts, terms=3)
    vectors = embedder.encode(texts).toarray()
    queries = embedder.encode(texts, "query").toarray()
    assert analysis.dimensions == vectors.shape[1]
    assert analysis.documents.mean == pytest.approx((vectors > 0).sum() / 3)
    assert analysis.queries.zeros == pytest.approx((queries == 0).mean())
    assert analysis.flops == pytest.approx((queries > 0).mean(0) @ (vectors > 0).mean(0))
    for row, query, found in zip(vectors, queries, analysis.texts, strict=True):
        assert (found.terms, found.query_terms) == ((row > 0).sum(), (query > 0).sum())
        assert found.zeros == pytest.approx((row == 0).mean())
        assert found.largest == row.max()
        assert found.smallest == (row[row > 0].min() if found.terms else 0)
        assert [weight for _, weight in found.heaviest] == sorted(row[row > 0])[::-1][:3]
    assert analysis.texts[0].heaviest[0][0] in ("kiln", "clay")
    assert analysis.to_json()["texts"][0]["text"] == texts[0]


def test_samples_without_texts(embedder: Any) -> None:
    assert [each.text for each in analyze_sparsity(embedder).texts] == list(SAMPLES)


def test_texts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("first\n\n  second  \n", encoding="utf-8")
    assert read_texts(path) == ["first", "second"]
    path.write_text("\n \n")
    with pytest.raises(InputError, match="has no text"):
        read_texts(path)
