"""Aspects: what tells documents of one title apart, queries that are made of it, and what they learn from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.teacher_run import ASPECT
from splade_cli.generation.options import GenerateOptions, Offline
from splade_cli.generation.pipeline import generate
from splade_cli.generation.queries import offline_writer
from splade_cli.generation.queries.aspects import Aspects
from splade_cli.generation.queries.offline_writer import TURNS, OfflineWriter
from splade_cli.index.bm25.analyzer import stop_words
from splade_cli.records import Chunk
from splade_cli.storage.files import read_jsonl

MACHINES = ("saw", "lathe", "router", "press", "welder", "kiln")
SIDES = {
    "cleaning": "For the cleaning of the {0} take a brush, since cleaning it with water{1} brings rust.",
    "repair": "A repair of the {0} is for two people; before a repair the plug{1} is laid on the bench.",
    "booking": "The booking of the {0} is free for members, one booking a week, until the yard{1} is shut.",
}
STOP = stop_words("english", full=True)


def chunk(document: str, text: str, title: str) -> Chunk:
    return Chunk(f"{document}::0", document, text, title)


@pytest.fixture
def chunks() -> list[Chunk]:
    found = []
    for number, machine in enumerate(MACHINES):
        for side, text in SIDES.items():
            found.append(chunk(f"{machine}-{side}", text.format(machine, number), f"The {machine}"))
    return [*found, chunk("fire", "Leave the hall by the east door when the siren sounds.", "Fire")]


def test_an_aspect_is_in_few_documents_of_its_title_and_in_other_titles(chunks: list[Chunk]) -> None:
    aspects = Aspects(chunks, STOP)
    for each in chunks[:-1]:
        side = each.document_id.partition("-")[2]
        found = aspects.of(each)
        assert found[0] == side, "twice in its own document, in each title, in no other document of the title"
        machine, number = each.title.split()[1], MACHINES.index(each.title.split()[1])
        assert machine not in found, "a word of the title"
        assert not {f"water{number}", f"plug{number}", f"yard{number}"} & set(found), "of one title alone"
    assert aspects.of(chunks[-1]) == [], "the only document of its title"


def test_chunks_of_one_document_are_not_told_apart() -> None:
    parts = [Chunk(f"a::{n}", "a", text.format("saw", n), "The saw") for n, text in enumerate(SIDES.values())]
    other = [Chunk(f"b::{n}", "b", text.format("kiln", n), "Kiln") for n, text in enumerate(SIDES.values())]
    aspects = Aspects([*parts, *other], STOP)
    assert [aspects.of(each) for each in (*parts, *other)] == [[]] * 6


def test_titles_of_several_documents_get_queries_of_their_aspects(chunks: list[Chunk]) -> None:
    writer = OfflineWriter(chunks, stop_words=STOP, queries_per_chunk=6)
    asked = 0
    for each in chunks:
        queries = [query.text.casefold() for query in writer.queries_of(each) if query.type == ASPECT]
        asked += len(queries)
        for text in queries:
            assert each.title.casefold() in text
            assert any(word in text.split() for word in Aspects(chunks, STOP).of(each))
    assert asked >= 18
    alone = OfflineWriter(chunks, stop_words=STOP, queries_per_chunk=6, kinds={kind: 1 for kind in TURNS})
    assert not [query for each in chunks for query in alone.queries_of(each) if query.type == ASPECT]


def test_other_chunks_do_without(chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = OfflineWriter(chunks, stop_words=STOP).queries_of(chunks[-1])
    monkeypatch.setattr(offline_writer, "TURNS_OF_SHARED_TITLES", ())
    assert OfflineWriter(chunks, stop_words=STOP).queries_of(chunks[-1]) == expected != []


def test_a_query_of_an_aspect_learns_from_its_own_chunk(chunks: list[Chunk], tmp_path: Path) -> None:
    rows = [{"_id": each.document_id, "title": each.title, "text": each.text} for each in chunks]
    (tmp_path / "docs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    options = GenerateOptions(
        tmp_path / "docs.jsonl", tmp_path / "data", Offline(4), model=None, teacher=None, val_ratio=0.3
    )
    made = generate(options)
    assert made.report.query_types[ASPECT] > 5
    examples = read_examples(tmp_path / "data" / "train.json")
    of_aspects = [row for row in examples if row.query_type == ASPECT]
    assert of_aspects
    for row in of_aspects:
        assert row.scores is not None and row.scores[0] == max(row.scores) == pytest.approx(1.0)
    held_out = load_collection(tmp_path / "data", "val")
    kinds = {row["_id"]: row["type"] for row in read_jsonl(tmp_path / "data" / "queries.jsonl")}
    for query, grades in held_out.qrels.items():
        if kinds[query] == ASPECT:
            assert list(grades.values()) == [1], "its own chunk, not what teachers rank"
