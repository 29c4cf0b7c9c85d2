"""Data around lost queries: what it is written about, what stands against it, and what never gets in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.lost_queries import LostQuery, write_lost_queries
from splade_cli.errors import InputError
from splade_cli.generation.options import GenerateOptions, Judged, Offline
from splade_cli.generation.pipeline import generate, plan
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, Document, WrittenQuery

ROOMS = ("kiln", "lathe", "loom", "press", "anvil", "forge", "crane", "winch")
PLAIN: dict[str, Any] = {"teacher": None, "model": None, "val_ratio": 0.0}
LOST = "Who checks the kiln's belt?"


class Writer:
    """Writes a query of its own for each chunk, and the lost one in other words order and case."""

    def __init__(self) -> None:
        self.chunks: list[str] = []

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        for chunk in chunks:
            self.chunks.append(chunk.document_id)
            yield (
                chunk,
                [
                    WrittenQuery(f"{chunk.document_id}master checks weekly", "keywords"),
                    WrittenQuery("the KILN'S belt, who checks", "question"),
                ],
            )


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    texts = {
        room: f"The {room} stands in hall number {number}; its {room}master checks the {room}belt weekly."
        for number, room in enumerate(ROOMS)
    }
    path.write_text("".join(json.dumps({"id": room, "text": text}) + "\n" for room, text in texts.items()))
    return path


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    def documents(*names: str) -> tuple[Document, ...]:
        return tuple(Document(name, name) for name in names)

    path = tmp_path / "lost.jsonl"
    rows = [
        LostQuery("q1", LOST, "nDCG@10", 0.0, documents("kiln"), documents("forge", "crane", "gone")),
        LostQuery("q2", "hall of winches", "nDCG@10", 0.2, documents("winch"), documents("forge")),
    ]
    write_lost_queries(path, rows)
    return path


def test_queries_are_written_for_both_sides_and_each_has_the_other_against_it(
    documents: Path, lost: Path, tmp_path: Path
) -> None:
    writer = Writer()
    said: list[str] = []
    wanted = GenerateOptions(documents, tmp_path / "out", writer, around=lost, negatives=3, **PLAIN)
    made = generate(wanted, say=said.append)
    assert said == ["1 of the documents of lost queries are not here"]
    assert writer.chunks == ["kiln", "forge", "crane", "winch"]
    rows = {row.source: row for row in read_examples(made.output / "train.json")}
    assert list(rows) == writer.chunks
    against = {"kiln": {"forge", "crane"}, "forge": {"kiln", "winch"}, "crane": {"kiln"}, "winch": {"forge"}}
    for name, row in rows.items():
        named = [text.split()[1] for text in row.negatives]
        assert set(named[: len(against[name])]) == against[name]
        assert len(named) == len(set(named)) == 3
        assert len(row.scores or ()) == 4
    assert len((made.output / "corpus.jsonl").read_text().splitlines()) == len(ROOMS), "all are ranked"


def test_a_lost_query_never_becomes_a_row(documents: Path, lost: Path, tmp_path: Path) -> None:
    made = generate(GenerateOptions(documents, tmp_path / "out", Writer(), around=lost, **PLAIN))
    assert made.report.dropped["is a lost query"] == 4
    text = (made.output / "queries.jsonl").read_text().lower()
    assert "belt" not in text
    without = generate(GenerateOptions(documents, tmp_path / "all", Writer(), round_trip=99, **PLAIN))
    assert "belt" in (without.output / "queries.jsonl").read_text().lower()


def test_a_plan_counts_the_chunks_that_are_written_for(documents: Path, lost: Path, tmp_path: Path) -> None:
    planned = plan(GenerateOptions(documents, tmp_path / "out", Offline(2), around=lost, **PLAIN))
    assert (planned.chunks, planned.queries) == (8, 8)


def test_what_cannot_be(documents: Path, lost: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="judged queries are taken as they are"):
        GenerateOptions(documents, tmp_path / "out", Judged(), around=lost)
    (tmp_path / "other.jsonl").write_text(json.dumps({"id": "x", "text": "Another text altogether."}) + "\n")
    with pytest.raises(InputError, match="no document of the lost queries is among these, e.g. 'crane'"):
        generate(GenerateOptions(tmp_path / "other.jsonl", tmp_path / "out", around=lost, **PLAIN))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
