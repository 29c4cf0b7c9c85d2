"""Collections as others keep them: qrels of TREC, queries as a table, ids of ir_datasets; their splits."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.datasets.collections import ir_datasets as importing
from splade_cli.datasets.formats.trec import read_run, read_topics, write_run
from splade_cli.errors import InputError
from splade_cli.records import Document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "text": "one"}\n{"_id": "d2", "text": "two"}\n')
    (tmp_path / "queries.tsv").write_text("qid\ttext\nq1\tfirst  query\n\nq2\tsecond\n")
    return tmp_path


def test_qrels_of_trec_beside_a_corpus(folder: Path) -> None:
    file = folder / "deep.qrels"
    file.write_text("q1 0 d1 2\nq1 0 d2 0.5\nq9 0 d1 1\n")
    copy = folder / "qrels" / "deep.qrels"
    copy.write_text(file.read_text())
    for path in (file, copy):
        found = load_collection(path)
        assert (found.split, found.queries) == ("deep", {"q1": "first  query"})
        assert found.qrels == {"q1": {"d1": 2, "d2": 0.5}}
    assert load_collection(folder, "deep").qrels == found.qrels
    with pytest.raises(InputError, match="no split 'test', only deep"):
        load_collection(folder)


def test_a_tsv_without_a_corpus_is_a_training_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("query\tdocument\tis_relevant\nq\ttext\t1\n")
    assert load_collection(file).split == "file"


def test_without_a_test_split_that_of_validation(folder: Path) -> None:
    (folder / "qrels" / "train.tsv").write_text("q1\td1\t1\n")
    with pytest.raises(InputError, match="no split 'test', only train"):
        load_collection(folder, None)
    (folder / "qrels" / "val.tsv").write_text("q2\td2\t1\n")
    found = load_collection(folder, None)
    assert found.split == "val" and "no split 'test': measured on 'val'" in found.notes[0]
    (folder / "qrels" / "test.tsv").write_text("q1\td2\t1\n")
    found = load_collection(folder, None)
    assert (found.split, found.notes) == ("test", ())


def test_without_a_relevant_document(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t0\nq2\td2\t-1\n")
    with pytest.raises(InputError, match="no query has a relevant document: no grade of .* is above 0"):
        load_collection(folder)


def test_tables_of_queries(tmp_path: Path) -> None:
    (tmp_path / "queries.tsv").write_text("q1\tone\nq2 two\n")
    with pytest.raises(InputError, match="line 2 is no query"):
        read_topics(tmp_path / "queries.tsv")


def test_runs_come_back(tmp_path: Path) -> None:
    run = {"q1": {"d1": 2.5, "d2": -1.0}, "q2": {"d1": 0.125}}
    write_run(tmp_path / "run", run)
    assert read_run(tmp_path / "run") == run
    for text, message in (
        ("", "is empty"),
        ("q Q0 d 1\n", "line 1 is no line"),
        ("q Q0 d 1 nan t", "line 1"),
    ):
        (tmp_path / "run").write_text(text)
        with pytest.raises(InputError, match=message):
            read_run(tmp_path / "run")


def test_ids_of_documents_and_queries() -> None:
    def mini(**changed: Any) -> Collection:
        parts: dict[str, Any] = {"queries": {"q": "x", "d2": "y"}, "qrels": {"q": {"d1": 1}, "d2": {"d1": 1}}}
        return Collection("mini", "test", [Document("d1", "a"), Document("d2", "b")], **(parts | changed))

    assert mini().twins == {"d2"}
    assert mini(qrels={"q": {"d1": 1}, "d2": {"d2": 1}}).twins == set(), "judged to answer itself"
    assert mini().fingerprint == mini().fingerprint
    others = [mini(queries={"q": "x", "d2": "z"}), mini(qrels={"q": {"d1": 2}, "d2": {"d1": 1}})]
    assert mini().fingerprint not in [each.fingerprint for each in others]


Doc = namedtuple("Doc", "doc_id title text")
Query = namedtuple("Query", "query_id text")
Judgement = namedtuple("Judgement", "query_id doc_id relevance")


class Known:
    def docs_iter(self) -> list[Doc]:
        return [Doc("d1", "T", "one"), Doc("d2", "", "two")]

    def queries_iter(self) -> list[Query]:
        return [Query("1", "first"), Query("2", "not judged")]

    def qrels_iter(self) -> list[Judgement]:
        return [Judgement("1", "d1", 2), Judgement("1", "d2", 0)]

    def __getattr__(self, name: str) -> Any:
        return lambda: True


def test_ids_of_ir_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr(importing, "find_spec", lambda name: None)
        with pytest.raises(InputError, match="is not installed") as caught:
            load_collection("irds:beir/mini/test")
    assert "pip install ir-datasets" in caught.value.hint
    library = SimpleNamespace(load={"beir/mini/test": Known()}.__getitem__, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "ir_datasets", library)
    found = load_collection(Path("irds:beir/mini/test"))
    assert (found.name, found.split) == ("beir/mini", "test")
    assert found.queries == {"1": "first"} and found.qrels == {"1": {"d1": 2, "d2": 0}}
    assert found.documents == [Document("d1", "one", "T"), Document("d2", "two")]
    with pytest.raises(InputError, match="knows no 'beir/mini'"):
        load_collection("irds:beir/mini")
