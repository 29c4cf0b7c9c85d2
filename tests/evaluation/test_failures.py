"""Which queries a system lost, and which documents are to blame."""

from __future__ import annotations

import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Qrels, Run
from splade_cli.datasets.lost_queries import LostQuery
from splade_cli.evaluation.failures import lost_queries
from splade_cli.evaluation.metrics import per_query
from splade_cli.evaluation.report import SystemResult
from splade_cli.records import Document

NAMES = [f"d{number}" for number in range(20)]


def lost(run: Run, qrels: Qrels, below: float = 0.5, measure: str = "nDCG@10") -> list[LostQuery]:
    documents = [Document(name, f"text of {name}") for name in NAMES]
    collection = Collection("c", "test", documents, {query: f"about {query}" for query in qrels}, qrels)
    result = SystemResult("s", {}, per_query(run, qrels, [measure]), run=run)
    return lost_queries(result, collection, measure, below)


def ranking(*names: str) -> dict[str, float]:
    return {name: 100.0 - place for place, name in enumerate(names)}


def ids(documents: tuple[Document, ...]) -> list[str]:
    return [document.id for document in documents]


def test_what_stands_above_the_relevant_documents() -> None:
    qrels = {
        "won": {"d0": 1},
        "third": {"d2": 1, "d1": 0},
        "one missing": {"d3": 1, "d19": 2},
        "nothing": {"d5": 1},
        "deep": {"d15": 1},
    }
    run = {
        "won": ranking("d0", "d1"),
        "third": ranking("d0", "d1", "d2", "d4"),
        "one missing": ranking("d0", "d3", "d4"),
        "deep": ranking(*NAMES),
    }
    found = {one.query_id: one for one in lost(run, qrels, below=0.6)}
    assert list(found) == ["nothing", "deep", "one missing", "third"]
    assert ids(found["third"].ranked_above) == ["d0", "d1"]
    assert found["third"].value == pytest.approx(0.5)
    assert ids(found["one missing"].ranked_above) == ["d0", "d4"]
    assert ids(found["one missing"].relevant) == ["d3", "d19"]
    assert ids(found["nothing"].ranked_above) == []
    assert ids(found["deep"].ranked_above) == NAMES[:10]
    assert found["deep"].query == "about deep"
    assert found["deep"].relevant[0].text == "text of d15"


def test_the_bound_and_the_measure_are_those_that_are_asked_for() -> None:
    qrels = {"second": {"d1": 1}, "fourth": {"d3": 1}}
    run = dict.fromkeys(qrels, ranking(*NAMES))
    assert [one.query_id for one in lost(run, qrels, 0.5, "MRR@10")] == ["fourth"]
    assert [one.query_id for one in lost(run, qrels, 0.51, "MRR@10")] == ["fourth", "second"]
    assert lost(run, qrels, 0.0) == []


def test_a_query_whose_relevant_documents_are_not_there_is_none() -> None:
    assert lost({"q": ranking("d0")}, {"q": {"gone": 1}}) == []
