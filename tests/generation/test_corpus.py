"""How much of a corpus is used: what queries are about and what is ranked; how many texts are encoded, and how often."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.generation import corpus as module
from splade_cli.generation import teachers
from splade_cli.generation.corpus import evenly, extent
from splade_cli.generation.options import GenerateOptions, Judged, Llm, Offline
from splade_cli.generation.pipeline import generate, plan
from splade_cli.records import Chunk

CHUNKS = [Chunk(f"c{number}", f"d{number // 4}", f"text {number}") for number in range(100)]


def options(queries: Any = None, **keywords: Any) -> GenerateOptions:
    return GenerateOptions("docs", "out", queries or Offline(4), **keywords)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANKED", 30)


@pytest.mark.parametrize(
    ("queries", "most", "about", "each"),
    [
        (Offline(4), 400, 100, 4),
        (Offline(4), 399, 100, 4),
        (Offline(4), 250, 84, 3),
        (Offline(4), 100, 100, 1),
        (Offline(4), 10, 10, 1),
        (Offline(4), None, 100, 4),
        (Llm("m", 2), 100, 50, 2),
        (Llm("m", 2), 5000, 100, 2),
    ],
)
def test_fewer_queries_a_chunk_come_before_fewer_chunks(
    queries: Any, most: int | None, about: int, each: int
) -> None:
    """But for a language model, which is asked by the chunk."""
    used = extent(options(queries, max_queries=most), CHUNKS, CHUNKS)
    assert (len(used.about), used.queries_each) == (about, each)
    assert used.queries == about * each
    assert used.ranked is CHUNKS


def test_what_is_ranked_holds_all_that_queries_are_about(small: None) -> None:
    used = extent(options(max_queries=20), CHUNKS, CHUNKS)
    assert (len(used.about), len(used.ranked)) == (20, 30)
    ranked = [chunk.id for chunk in used.ranked]
    assert {chunk.id for chunk in used.about} <= set(ranked)
    assert ranked == [chunk.id for chunk in CHUNKS if chunk.id in set(ranked)]
    documents = Counter(chunk.document_id for chunk in used.about)
    assert max(documents.values()) == 1
    weak = CHUNKS[40:44]
    assert {chunk.id for chunk in weak} <= {chunk.id for chunk in extent(options(), CHUNKS, weak).ranked}
    many = extent(options(max_queries=60), CHUNKS, CHUNKS)
    assert [chunk.id for chunk in many.about] == [chunk.id for chunk in many.ranked]


def test_all_are_ranked_where_all_queries_are_wanted_or_people_asked_them(small: None) -> None:
    assert extent(options(max_queries=None), CHUNKS, CHUNKS).ranked is CHUNKS
    assert extent(options(Judged("train"), max_queries=1), CHUNKS, CHUNKS).ranked is CHUNKS


def test_evenly() -> None:
    assert [chunk.id for chunk in evenly(CHUNKS, 4)] == ["c0", "c25", "c50", "c75"]
    assert evenly(CHUNKS, 100) is CHUNKS
    assert evenly(CHUNKS, 0) == []


def test_no_negative_number_of_queries() -> None:
    with pytest.raises(InputError, match="max_queries"):
        options(max_queries=-1)


class Dense:
    """A dense model that counts what it encodes."""

    seen: ClassVar[Counter[str]] = Counter()
    settled: ClassVar[list[int]] = []

    def __init__(self, name: str, options: Any = None) -> None:
        self.name = name

    def encode(self, texts: Any, kind: str = "document") -> Any:
        if kind == "document":
            self.seen.update(texts)
        return np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32)

    def settle_precision(self, texts: Any) -> None:
        self.settled.append(len(texts))


def test_a_large_corpus_is_read_whole_and_encoded_in_part(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.model.dense.DenseModel", Dense)
    monkeypatch.setattr("splade_cli.indexing.dense.dense_identity", lambda name: name)
    monkeypatch.setattr(teachers, "MANY", 1000)
    Dense.seen.clear()
    topics = ("saw", "drill", "plane", "chisel", "mallet", "clamp", "router", "lathe")
    rows = []
    for number in range(80):
        first, second = topics[number % 8], topics[(number // 8) % 8]
        text = f"A {first} of model {number} cuts harder wood than the {second} beside it ever could."
        rows.append({"id": f"d{number}", "text": text})
    (tmp_path / "docs.json").write_text(json.dumps(rows))
    wanted = GenerateOptions(
        tmp_path / "docs.json", tmp_path / "out", max_queries=24, model=None, teacher="letters"
    )
    assert plan(wanted).ranked == 30
    assert plan(wanted).seconds is None
    report = generate(wanted).report
    assert (report.documents, report.chunks, report.ranked) == (80, 80, 30)
    assert report.train + report.val + sum(report.dropped.values()) <= 24
    assert (len(Dense.seen), set(Dense.seen.values())) == (30, {1})
    corpus = (tmp_path / "out" / "corpus.jsonl").read_text().splitlines()
    assert len(corpus) == 80


def test_how_long_it_takes_is_said_before_it_is_encoded(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.model.dense.DenseModel", Dense)
    monkeypatch.setattr("splade_cli.indexing.dense.dense_identity", lambda name: name)
    monkeypatch.setattr("splade_cli.generation.pipeline.MANY", 10)
    monkeypatch.setattr(teachers, "MANY", 10)
    Dense.seen.clear()
    Dense.settled.clear()
    rows = [{"id": f"d{number}", "text": f"The saw of number {number} cuts wood."} for number in range(40)]
    (tmp_path / "docs.json").write_text(json.dumps(rows))
    wanted = GenerateOptions(
        tmp_path / "docs.json", tmp_path / "out", max_queries=24, model=None, teacher="letters", val_ratio=0
    )
    said: list[tuple[str, int]] = []
    generate(wanted, say=lambda sentence: said.append((sentence, len(Dense.seen))))
    assert len(said) == 1
    assert said[0][0].startswith("bm25, letters rank 30 of 40 chunks: about ")
    assert said[0][1] <= 30
    assert Dense.settled == [30]
    seconds = plan(wanted).seconds
    assert seconds is not None
    assert seconds > 0
