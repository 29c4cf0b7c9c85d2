"""Ids of ir_datasets by the package itself: datasets of files on this machine, registered as its own are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from splade_cli.datasets.collections import load_collection
from splade_cli.errors import InputError, ServiceError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.records import Document

ir_datasets: Any = pytest.importorskip("ir_datasets", reason="the package ir_datasets is not installed")

QRELS = "q1 0 d1 2\nq2 0 d2 1\nq2 0 d1 0\nq1 0 q1 1\n"
Register = Callable[[str, Any], str]


class Titled(NamedTuple):
    """A document as datasets of BEIR have it."""

    doc_id: str
    text: str
    title: str

    def default_text(self) -> str:
        return f"{self.title} {self.text}"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Documents as a table and as JSONL, queries and judgements."""
    texts = {
        "docs.tsv": "d1\tthe kiln fires clay\nd2\twool on a loom\n",
        "queries.tsv": "q1\tfire clay\nq2\tweave wool\nq3\tnot judged\n",
        "qrels": QRELS,
        "docs.jsonl": "\n".join(
            json.dumps({"id": name, "text": text, "title": title})
            for name, text, title in (("d1", "fires clay", "Kiln"), ("d2", "of wool", ""))
        ),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Enters a dataset in the package's registry for one test."""

    def entered(name: str, dataset: Any) -> str:
        known = {**ir_datasets.registry._registered, name: dataset}
        monkeypatch.setattr(ir_datasets.registry, "_registered", known)
        return f"irds:{name}"

    return entered


def test_a_dataset_of_files(files: dict[str, Path], register: Register, embedder: Any) -> None:
    made = ir_datasets.create_dataset(
        docs_tsv=str(files["docs.tsv"]), queries_tsv=str(files["queries.tsv"]), qrels_trec=str(files["qrels"])
    )
    found = load_collection(register("workshop/test", made))
    assert (found.name, found.split) == ("workshop", "test")
    assert found.queries == {"q1": "fire clay", "q2": "weave wool"}, "judged ones"
    assert found.qrels["q1"]["d1"] == 2 and found.qrels["q2"] == {"d2": 1, "d1": 0}
    assert found.documents == [Document("d1", "the kiln fires clay"), Document("d2", "wool on a loom")]
    report = evaluate(embedder, found)
    assert report.queries == 2 and report.systems[-1].figures["Recall@10"] > 0


def test_titles_are_kept_apart(files: dict[str, Path], register: Register) -> None:
    formats = ir_datasets.formats
    docs = formats.JsonlDocs(
        ir_datasets.util.Cache(None, files["docs.jsonl"]),
        doc_cls=Titled,
        mapping={"doc_id": "id", "text": "text", "title": "title"},
    )
    queries = formats.TsvQueries(ir_datasets.util.Cache(None, files["queries.tsv"]))
    qrels = formats.TrecQrels(ir_datasets.util.Cache(None, files["qrels"]), {2: "", 1: "", 0: ""})
    made = ir_datasets.Dataset(docs, queries, qrels)
    found = load_collection(register("titled/val", made))
    assert found.documents == [Document("d1", "fires clay", "Kiln"), Document("d2", "of wool")]


def test_what_has_no_judgements_names_a_part_that_has(files: dict[str, Path], register: Register) -> None:
    docs = ir_datasets.create_dataset(docs_tsv=str(files["docs.tsv"]))
    register("workshop", docs)
    register(
        "workshop/test",
        ir_datasets.create_dataset(
            docs_tsv=str(files["docs.tsv"]),
            queries_tsv=str(files["queries.tsv"]),
            qrels_trec=str(files["qrels"]),
        ),
    )
    with pytest.raises(InputError, match="has no queries, qrels") as caught:
        load_collection("irds:workshop")
    assert caught.value.hint == "name a part of it: workshop/test"
    with pytest.raises(InputError, match="ir_datasets knows no 'workshop/nothing'"):
        load_collection("irds:workshop/nothing")


def test_what_cannot_be_downloaded(
    register: Register, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ir_datasets.create_dataset(
        docs_tsv=str(files["docs.tsv"]), queries_tsv=str(files["queries.tsv"]), qrels_trec=str(files["qrels"])
    )

    def unreachable() -> Any:
        raise RuntimeError("All download sources failed")

    monkeypatch.setattr(made, "docs_iter", unreachable, raising=False)
    with pytest.raises(ServiceError, match="cannot get 'workshop/test': All download sources failed"):
        load_collection(register("workshop/test", made))
