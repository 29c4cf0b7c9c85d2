"""Judged queries to training files: what may be a negative, what a person's word weighs, and the split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.formats.trec import read_qrels, write_qrels
from splade_cli.errors import InputError
from splade_cli.generation.options import GenerateOptions, Judged, Rows
from splade_cli.generation.output import written_files
from splade_cli.generation.pipeline import generate
from splade_cli.generation.queries.judged_queries import (
    JudgedQuery,
    read_judged_rows,
    read_judged_split,
    split_queries,
)
from splade_cli.generation.report import Generated
from splade_cli.records import Example
from splade_cli.storage.files import write_jsonl

TOPICS = ("saw", "lathe", "router", "press", "welder", "printer", "laser", "grinder", "sander", "mill")
PARTS = ("blade", "motor", "switch", "bearing")
OPTIONS: dict[str, Any] = {"model": None, "teacher": None, "val_ratio": 0.3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 documents, one of them twice; 10 queries with two relevant ones each, one of which BM25 misses."""
    path = tmp_path / "beir"
    corpus = [
        {
            "_id": f"{topic}-{part}",
            "title": f"The {topic}",
            "text": f"Its {part} is oiled in room {n} each week {m}.",
        }
        for n, topic in enumerate(TOPICS)
        for m, part in enumerate(PARTS)
    ]
    corpus.append({**corpus[0], "_id": "copy"})
    write_jsonl(path / "corpus.jsonl", corpus)
    queries = [{"_id": f"q-{topic}", "text": f"oiled {topic} blade"} for topic in TOPICS]
    write_jsonl(path / "queries.jsonl", [*queries, {"_id": "same", "text": "Oiled  SAW blade"}])
    far = {topic: f"{TOPICS[(n + 5) % 10]}-motor" for n, topic in enumerate(TOPICS)}
    qrels = {f"q-{topic}": {f"{topic}-blade": 2, far[topic]: 1, f"{topic}-switch": 0} for topic in TOPICS}
    (path / "qrels").mkdir()
    write_qrels(path / "qrels/train.tsv", {**qrels, "same": {"saw-bearing": 1}, "unknown": {"saw-motor": 1}})
    return path


def labelled(folder: Path, output: Path, **options: Any) -> Generated:
    """Training files of the judged queries of `folder`."""
    return generate(GenerateOptions(folder, output, Judged("train"), **{**OPTIONS, **options}))


def rows_of(output: Path) -> list[Example]:
    return [row for name in ("train.json", "val.json") for row in read_examples(output / name)]


def test_a_row_for_each_relevant_document_and_none_of_them_a_negative(folder: Path, tmp_path: Path) -> None:
    made = labelled(folder, tmp_path / "out")
    assert {path.relative_to(made.output).as_posix() for path in made.output.rglob("*.*")} == set(
        written_files(GenerateOptions(folder, made.output))
    )
    collection = load_collection(folder, "train")
    content = {one.id: f"{one.title}\n{one.text}" for one in collection.documents}
    forbidden: dict[str, set[str]] = {}
    expected = set()
    for query, grades in collection.qrels.items():
        key = " ".join(collection.queries[query].casefold().split())
        relevant = {content[document] for document, grade in grades.items() if grade > 0}
        forbidden.setdefault(key, set()).update(relevant)
        expected |= {(collection.queries[query], text) for text in relevant}
    rows = rows_of(made.output)
    assert {(row.query, row.positive) for row in rows} == expected
    assert len(rows) == len(expected) == made.report.train + made.report.val == 21
    assert made.report.dropped == {}
    for row in rows:
        assert len(row.negatives) == len(set(row.negatives)) == 5
        assert not forbidden[" ".join(row.query.casefold().split())] & set(row.negatives)
        assert row.scores is not None
        assert row.scores[0] >= max(row.scores[1:])
        assert content[row.chunk_id] == row.positive


def test_queries_keep_their_ids_grades_and_side(folder: Path, tmp_path: Path) -> None:
    made = labelled(folder, tmp_path / "out")
    sides = {name: load_collection(made.output, name) for name in ("train", "val")}
    assert not sides["train"].queries.keys() & sides["val"].queries.keys()
    given = load_collection(folder, "train").qrels
    assert {**sides["train"].qrels, **sides["val"].qrels} == given
    for name, side in sides.items():
        texts = {one.id: one.text for one in side.documents}
        pairs = {
            (side.queries[q], texts[d])
            for q, grades in side.qrels.items()
            for d, g in grades.items()
            if g > 0
        }
        assert pairs == {(row.query, row.positive) for row in read_examples(made.output / f"{name}.json")}
    report = json.loads((made.output / "report.json").read_text())
    assert (report["query_types"], report["teachers"]) == ({"human": 11}, ["bm25"])
    again = labelled(folder, tmp_path / "again")
    assert rows_of(again.output) == rows_of(made.output)


def test_a_dev_split_is_the_validation(folder: Path, tmp_path: Path) -> None:
    write_jsonl(
        folder / "queries.jsonl", [{"_id": name, "text": f"oiled {name}"} for name in ("a", "b", "c")]
    )
    write_qrels(folder / "qrels/train.tsv", {"a": {"saw-blade": 1}})
    write_qrels(folder / "qrels/dev.tsv", {"b": {"mill-blade": 1}, "a": {"saw-blade": 1}})
    write_qrels(folder / "qrels/test.tsv", {"c": {"press-blade": 1}})
    made = labelled(folder, tmp_path / "out")
    assert set(read_qrels(made.output / "qrels/train.tsv")) == {"a"}
    assert set(read_qrels(made.output / "qrels/val.tsv")) == {"b"}
    assert made.report.dropped == {"in two splits": 1}
    assert not (made.output / "qrels/test.tsv").exists()
    three = labelled(folder, tmp_path / "three", test_ratio=0.2)
    sides = [set(read_qrels(three.output / f"qrels/{side}.tsv")) for side in ("train", "val", "test")]
    assert sides == [{"a"}, {"b"}, {"c"}]
    (folder / "qrels/dev.tsv").unlink()
    own = labelled(folder, tmp_path / "own", test_ratio=0.2, val_ratio=0.0)
    assert [row.query for row in read_examples(own.output / "test.json")] == ["oiled c"]


def test_what_cannot_be_used_is_counted(folder: Path) -> None:
    write_jsonl(
        folder / "queries.jsonl",
        [{"_id": "a", "text": "saw"}, {"_id": "b", "text": " "}, {"_id": "c", "text": "x"}],
    )
    write_qrels(
        folder / "qrels/train.tsv",
        {"a": {"saw-blade": 1, "gone": 1}, "b": {"saw-blade": 1}, "c": {"gone": 1}},
    )
    found = read_judged_split(folder, "train")
    assert [(query.id, len(query.grades)) for query in found.queries] == [("a", 1)]
    assert found.rejected.queries == {"has no text": 1, "has no relevant document": 1}
    write_qrels(folder / "qrels/train.tsv", {"a": {"saw-blade": 0}})
    with pytest.raises(InputError, match="no query has a relevant document"):
        read_judged_split(folder, "train")
    with pytest.raises(InputError, match="is a file") as caught:
        read_judged_split(folder / "corpus.jsonl", "train")
    assert "Rows" in caught.value.hint


def test_queries_that_share_a_relevant_document_stay_together() -> None:
    groups = {f"d{n}": group for n, group in enumerate([0, 0, 1, 2, 3, 4, 5, 6])}
    queries = [JudgedQuery(f"q{n}", f"query {n}", {f"d{n}": 1}) for n in range(8)]
    queries.append(JudgedQuery("twin", "QUERY  3", {"d7": 1}))
    queries.append(JudgedQuery("given", "query 9", {"d0": 1}, side="train"))
    for seed in range(20):
        side = {query.id: query.side for query in split_queries(queries, groups, (0.5, 0.5, 0.0), seed)}
        assert side["q0"] == side["q1"]
        assert side["q3"] == side["twin"] == side["q7"]
        assert side["given"] == "train"
        assert 2 <= list(side.values()).count("val") <= 5


def test_rows_over_documents_and_over_their_own_texts(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    text, other = (
        "The saw\nIts blade is oiled in room 0 each week 0.",
        "Its motor is oiled in room 1 each week 1.",
    )
    write_jsonl(rows, [
        {"query": "saw?", "positive_document": text, "negative_documents": [other]},
        {"query": "saw?", "positive_document": "Words that are nowhere else."},
        {"query": "oiled mill?", "positive_document": "The mill\nIts  blade is oiled in room 9 each week 0."},
    ])  # fmt: skip
    found = read_judged_rows(folder / "corpus.jsonl", rows)
    ids = [chunk.id for chunk in found.corpus.chunks]
    assert len(ids) == 42
    named = [dict(query.grades) for query in found.queries]
    assert [query.text for query in found.queries] == ["saw?", "oiled mill?"]
    assert list(named[0].values()) == [0, 1, 1]
    assert ids[41] in named[0]
    assert "lathe-motor" in next(iter(named[0]))
    assert list(named[1].values()) == [1]
    alone = read_judged_rows(rows, rows)
    assert len(alone.corpus.chunks) == 4
    made = generate(GenerateOptions(rows, tmp_path / "out", Rows(rows), **OPTIONS))
    assert all(row.negatives for row in rows_of(made.output) if row.query == "oiled mill?")


def test_copies_of_a_relevant_document_are_no_negatives(folder: Path, tmp_path: Path) -> None:
    contents = [chunk.content for chunk in read_judged_split(folder, "train").corpus.chunks]
    groups = duplicate_groups(contents)
    made = labelled(folder, tmp_path / "out", negatives=40)
    by_text = dict(zip(contents, groups, strict=True))
    for row in rows_of(made.output):
        assert by_text[row.positive] not in {by_text[text] for text in row.negatives}
        assert len(row.negatives) > 20
