"""Encoding against vectors made outside, one text against many, precision, and queries by a static table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import InputError, ModelError
from splade_cli.model import encode as module
from splade_cli.model.encode import encode

Make = Callable[..., Any]


@pytest.mark.parametrize("name", ["shared", "tiny"])
def test_vectors_made_outside(name: str, shared_data: Path, load: Make) -> None:
    model = "tiny" if name == "tiny" else str(shared_data / "models" / "splade-tiny")
    tolerance = 5e-3 if name == "tiny" else 1e-4  # the embedded weights are kept in half precision
    cases = json.loads((shared_data / "data/vectors/splade_tiny.json").read_text())["encode"]
    assert len(cases) == 15
    loaded = load(model)
    for case in cases:
        loaded.model.max_seq_length = case["max_length"]
        vector = encode(loaded, [case["text"]])
        row = vector.toarray()[0]
        tokens = module.tokenize(loaded, [case["text"]], "document")["input_ids"][0]
        assert len(tokens) == case["tokens"]
        for token, column, weight in case["top20"]:
            assert row[column] == pytest.approx(weight, abs=tolerance), (case["text"][:40], token)
        assert abs(vector.nnz - case["nnz"]) <= (2 if name == "tiny" else 0)
        assert row.sum() == pytest.approx(case["l1"], abs=tolerance * max(1, case["nnz"]))


def test_order_and_neighbours_do_not_matter(bert_folder: Path, load: Make, texts: list[str]) -> None:
    loaded = load(str(bert_folder))
    many = encode(loaded, texts * 3, batch_size=4).toarray()
    alone = np.vstack([encode(loaded, [text]).toarray() for text in texts])
    np.testing.assert_allclose(many, np.vstack([alone] * 3), rtol=1e-5, atol=1e-5)
    assert len(np.unique(alone.round(4), axis=0)) == len(texts)


def test_no_texts_and_bad_batch_size(bert_folder: Path, load: Make) -> None:
    loaded = load(str(bert_folder))
    assert encode(loaded, []).shape == (0, loaded.model.dimensions)
    with pytest.raises(InputError, match="batch_size must be above 0"):
        encode(loaded, ["a"], batch_size=0)


def test_weights_that_are_not_finite_are_an_error(bert_folder: Path, load: Make) -> None:
    loaded = load(str(bert_folder))
    loaded.model.decoder.bias.data[3] = float("inf")
    with pytest.raises(ModelError, match="not finite"):
        encode(loaded, ["a"])


def test_progress_counts_every_text_once(
    bert_folder: Path, load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 4)
    seen: list[tuple[int, int | None]] = []
    encode(
        load(str(bert_folder)),
        texts,
        batch_size=3,
        progress=lambda stage, done, total: seen.append((done, total)),
    )
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (len(texts), len(texts))


def test_windows_close_at_a_number_of_texts_or_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 3)
    monkeypatch.setattr(module, "WINDOW_CHARACTERS", 10)
    assert list(module.windows(["a", "b", "c", "d" * 12, "e", "f" * 8, "gg", "h"])) == [
        ["a", "b", "c"], ["d" * 12], ["e", "f" * 8, "gg"], ["h"]
    ]  # fmt: skip
    assert list(module.windows([])) == []


def test_int8_documents_are_close_and_queries_stay_exact(load: Make, texts: list[str]) -> None:
    exact, low = load("tiny", precision="fp32"), load("tiny", precision="int8")
    assert low.device.precision == "int8"
    expected, found = encode(exact, texts).toarray(), encode(low, texts).toarray()
    assert not np.array_equal(found, expected)
    cosine = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 0.998
    assert (encode(low, texts, "query") != encode(exact, texts, "query")).nnz == 0


def test_bf16_with_int8_is_close_and_queries_stay_exact(load: Make, texts: list[str]) -> None:
    """A body in bfloat16 under a decoder in int8: other weights than by either alone, for documents only."""
    exact = encode(load("tiny", precision="fp32"), texts).toarray()
    found = {name: encode(load("tiny", precision=name), texts) for name in ("bf16", "int8", "bf16+int8")}
    both = found["bf16+int8"].toarray()
    cosine = (both * exact).sum(1) / np.linalg.norm(both, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosine.min() > 0.997
    for alone in ("bf16", "int8"):
        assert not np.array_equal(both, found[alone].toarray())
    queries = encode(load("tiny", precision="bf16+int8"), texts, "query")
    assert (queries != encode(load("tiny", precision="fp32"), texts, "query")).nnz == 0


def test_int8_leaves_a_model_that_sums_as_it_is(bert_folder: Path, load: Make, texts: list[str]) -> None:
    loaded = load(str(bert_folder))
    loaded.model.head.pooling = "sum"
    expected = encode(loaded, texts)
    low = loaded.with_precision("int8", "asked for")
    assert (encode(low, texts) != expected).nnz == 0
