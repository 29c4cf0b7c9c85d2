"""Failure analysis on a collection whose causes are known, and typos that are the same each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.datasets.collections import Collection
from splade_cli.engines.local import LocalEngine
from splade_cli.evaluation.analysis.analyze import analyze
from splade_cli.evaluation.analysis.lost import CUT_TEXT, NEAR_DUPLICATE, UNJUDGED, VOCABULARY_GAP
from splade_cli.evaluation.analysis.typos import with_typos
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Document
from splade_cli.search.searcher import Searcher

WORDS = ("clay", "kiln", "loom", "wool", "saw")
TEXTS = {
    "a": "the kiln fires clay at one thousand degrees and cools slowly over the night",
    "b": "the kiln fires clay at one thousand degrees and cools slowly over the night again",
    "c": "wool on the loom",
    "d": "a saw",
}
VECTORS = np.array([[2, 1, 0, 0, 0], [1, 3, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]], dtype=np.float32)
QUERIES = {"near": "kiln", "gap": "loom", "fine": "saw", "first": "clay"}
QRELS = {"near": {"a": 1}, "gap": {"d": 1, "c": 0}, "fine": {"d": 2}, "first": {"a": 1, "b": 1}}
MINI = Collection("mini", "test", [Document(*each) for each in TEXTS.items()], QUERIES, QRELS)
RUN = {"near": {"b": 3.0, "a": 1.0}, "gap": {"c": 1.0}, "fine": {"d": 1.0}, "first": {"a": 2.0, "b": 1.0}}
VALUES = {"nDCG@10": {"near": 0.6, "gap": 0.0, "fine": 1.0, "first": 1.0}}


class Encoder:
    """A query is the words that it has."""

    def encode(self, texts: Any) -> sp.csr_matrix:
        return sp.csr_matrix([[float(word in text) for word in WORDS] for text in texts], dtype=np.float32)


class Tokens:
    window = 1

    def count(self, text: str) -> int:
        return len(text.split())

    def starts(self, text: str) -> np.ndarray:
        raise NotImplementedError


def searcher() -> Searcher:
    index = SpladeIndex.from_vectors(sp.csr_matrix(VECTORS), ids=list(TEXTS), texts=list(TEXTS.values()))
    return Searcher(LocalEngine(index), Encoder(), vocabulary=WORDS)


def test_causes_and_deciding_terms() -> None:
    system = SystemResult("model", {"nDCG@10": 0.65}, VALUES, run=RUN)
    before = SystemResult("BM25", {"nDCG@10": 0.6}, {"nDCG@10": {**VALUES["nDCG@10"], "near": 0.9}})
    found = analyze(system, before, MINI, "nDCG@10", searcher(), Tokens())
    assert (found.lost, found.baseline) == (2, "BM25")
    near, gap = found.queries
    assert (near.query_id, near.difference) == ("near", pytest.approx(-0.3)), "the largest loss is first"
    assert (near.relevant, near.rank, near.above) == ("a", 2, "b")
    assert [(each.term, each.above, each.relevant) for each in near.terms] == [("kiln", 3.0, 1.0)]
    assert near.causes == (NEAR_DUPLICATE, UNJUDGED)
    assert (gap.relevant, gap.rank, gap.above, gap.difference) == ("d", None, "c", 0)
    assert gap.causes == (VOCABULARY_GAP, CUT_TEXT), "what is above is judged"
    assert found.causes == {VOCABULARY_GAP: 1, CUT_TEXT: 1, NEAR_DUPLICATE: 1, UNJUDGED: 1}
    assert [term for term, _ in found.frequent_terms] == ["clay", "kiln", "loom", "wool", "saw"]
    assert found.frequent_terms[0][1] == 0.5


def test_without_vectors_and_without_a_baseline() -> None:
    found = analyze(SystemResult("model", {}, VALUES, run=RUN), None, MINI, "nDCG@10")
    assert (found.baseline, found.frequent_terms) == ("", ())
    gap, near = found.queries
    assert (gap.query_id, near.query_id) == ("gap", "near"), "the worst is first"
    assert near.terms == () and near.difference is None and near.causes == (NEAR_DUPLICATE, UNJUDGED)


def test_typos_are_the_same_each_time() -> None:
    queries = {"q1": "forgotten password of the member", "q2": "a saw", "q3": "forgotten password"}
    mini = Collection("mini", "test", [], queries, {})
    first = with_typos(mini)
    assert first.queries == with_typos(mini).queries
    assert first.queries["q1"] != queries["q1"] and first.queries["q2"] == "a saw"
    assert first.queries != with_typos(mini, seed=1).queries
    assert (
        with_typos(Collection("mini", "test", [], {"q3": queries["q3"]}, {})).queries["q3"]
        == (first.queries["q3"])
    ), "other queries do not matter"


def test_in_an_evaluation(embedder: Any, tmp_path: Any) -> None:
    report = evaluate(embedder, MINI, typos=True, analyze=True, bm25=False)
    assert [system.name for system in report.systems] == ["tiny"]
    assert [each.kind for each in report.robustness] == ["typos"]
    assert report.analysis is not None
    assert (report.analysis.system, report.analysis.baseline) == ("tiny", ""), "typos are no baseline"
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report
