"""Written queries of training data are judged by their teachers; what people judged stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.collections.teachers import NOTE


def folder_of(path: Path, *, kind: str, run: bool = True) -> Path:
    """Three documents, and one held-out query that was written from the first of them."""
    (path / "qrels").mkdir(parents=True)
    texts = {"a": "a kiln fires clay", "b": "clay is fired hot", "c": "a lathe turns steel"}
    corpus = [json.dumps({"_id": name, "text": text}) for name, text in texts.items()]
    (path / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
    (path / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "firing clay", "type": kind}) + "\n")
    (path / "qrels" / "val.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t1\n")
    if run:
        (path / "teacher.trec").write_text("q1 Q0 b 1 3.5 teachers\nq1 Q0 a 2 2.0 teachers\n")
    return path


def test_a_written_query_is_judged_by_its_teachers_and_it_is_said(tmp_path: Path) -> None:
    found = load_collection(folder_of(tmp_path / "data", kind="question"), "val")
    assert found.qrels == {"q1": {"b": 3.5, "a": 2.0}}
    assert found.name == "data, by their teachers" and found.notes == (NOTE,)


def test_judgements_of_people_stay(tmp_path: Path) -> None:
    for name, kind in (("human", "human"), ("plain", "")):
        found = load_collection(folder_of(tmp_path / name, kind=kind), "val")
        assert found.qrels == {"q1": {"a": 1}} and found.notes == () and found.name == name


def test_without_a_run_the_source_is_relevant(tmp_path: Path) -> None:
    found = load_collection(folder_of(tmp_path / "data", kind="question", run=False), "val")
    assert found.qrels == {"q1": {"a": 1}} and found.notes == ()


def test_the_file_of_judgements_is_read_as_its_folder_is(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", kind="question")
    assert load_collection(folder / "qrels/val.tsv").qrels == load_collection(folder, "val").qrels
    assert load_collection(folder / "qrels/val.tsv").notes == (NOTE,)
