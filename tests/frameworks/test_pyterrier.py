"""PyTerrier's transformer in pipelines and an experiment, by the real package."""

from __future__ import annotations

import pytest

from splade_cli.search.searcher import Searcher

pyterrier = pytest.importorskip("pyterrier", reason="python-terrier is not installed")
import pandas  # noqa: E402

from splade_cli.frameworks.pyterrier import COLUMNS, SpladeRetriever  # noqa: E402

QUERIES = pandas.DataFrame(
    [("q1", "firing clay"), ("q2", "weaving with wool"), ("q3", " ")], columns=["qid", "query"]
)


def test_results_of_queries(searcher: Searcher) -> None:
    found = SpladeRetriever(searcher, 2).transform(QUERIES)
    assert list(found.columns) == list(COLUMNS)
    assert set(found.qid) == {"q1", "q2"}
    first = found[found["rank"] == 0].set_index("qid")
    assert first.docno.to_dict() == {"q1": "kiln.md", "q2": "loom.md"}
    assert found.groupby("qid").size().max() <= 2
    assert (SpladeRetriever(searcher, 2) % 1)(QUERIES).groupby("qid").size().max() == 1


def test_an_experiment(searcher: Searcher) -> None:
    qrels = pandas.DataFrame([("q1", "kiln.md", 1), ("q2", "loom.md", 1)], columns=["qid", "docno", "label"])
    table = pyterrier.Experiment(
        [SpladeRetriever(searcher)], QUERIES[:2], qrels, eval_metrics=["ndcg_cut.10"], names=["splade"]
    )
    assert table["ndcg_cut.10"][0] == 1.0


def test_a_frame_without_queries_is_refused(searcher: Searcher) -> None:
    with pytest.raises(Exception, match="query"):
        SpladeRetriever(searcher).transform(pandas.DataFrame([("d", "x")], columns=["docno", "text"]))
