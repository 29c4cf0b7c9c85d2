"""Systems beside the first one: several baselines, earlier reports and imported runs in one evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Run
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.systems.imported import imported_run
from splade_cli.records import Document

DOCUMENTS = [
    Document("pw", "To reset a forgotten password, open the login page.", "Password"),
    Document("back up", "Backups run every night and are kept for thirty days.", "Backups"),
    Document("saw", "Kickback throws wood at the operator.", "Table saw"),
]
QUERIES = {"q1": "forgotten password", "q2": "how long are backups kept", "saw": "kickback of the table saw"}
QRELS = {"q1": {"pw": 1}, "q2": {"back up": 1}, "saw": {"pw": 1}}
MINI = Collection("mini", "test", DOCUMENTS, QUERIES, QRELS)
RUN: Run = {"q1": {"saw": 2.0, "pw": 1.0}, "q2": {"back%20up": 3.0, "other": 1.0}, "saw": {"saw": 9, "pw": 1}}


def test_many_in_one_run(embedder: Any) -> None:
    first = evaluate(embedder, MINI, measures=["MRR@10"], bm25=False)
    report = evaluate(
        embedder, MINI, baseline=[embedder, first, embedder], runs={"theirs": RUN}, measures=["MRR@10", "AP"]
    )
    names = [system.name for system in report.systems]
    assert names == ["tiny + BM25", "tiny", "tiny", "tiny, as reported", "tiny", "theirs", "BM25 (english)"]
    theirs = report.systems[5]
    assert theirs.figures["MRR@10"] == pytest.approx((0.5 + 1 + 1) / 3), "its own id is no result of a query"
    assert all(
        system.versus is not None and system.versus.p_holm is not None for system in report.systems[1:]
    )
    tested = len(names) - 1 + 4
    assert f"p-values are corrected for {tested} comparisons (Holm)" in report.notes
    assert any(note.startswith("tiny alone against theirs: ") for note in report.notes)
    table = report.comparison_table()
    assert [row[0] for row in table.rows] == names[1:]
    assert all(sum(row[-3:]) == len(QUERIES) for row in table.rows)


def test_of_other_documents(embedder: Any) -> None:
    earlier = evaluate(embedder, MINI, measures=["MRR@10"], bm25=False)
    changed = replace(MINI, qrels={**QRELS, "q1": {"pw": 2}})
    with pytest.raises(InputError, match="other documents, queries or judgements"):
        evaluate(embedder, changed, baseline=earlier)
    renamed = replace(MINI, name="a copy")
    assert len(evaluate(embedder, renamed, baseline=earlier, bm25=False).systems) == 2


def test_runs_as_they_are() -> None:
    found = imported_run("theirs", {"q1": RUN["q1"], "unknown": {"pw": 1.0}}, MINI, ["MRR@10", "AP"], depth=1)
    assert found.result.run == {"q1": RUN["q1"]}
    assert found.result.figures["MRR@10"] == pytest.approx(0.5 / 3)
    assert found.notes == (
        "theirs lacks 2 of 3 queries, which count as 0",
        "theirs ranks up to 2 documents a query, the others 1: AP favours it",
    )
    for run, message in (
        ({"q7": {"pw": 1.0}}, "none of the queries"),
        ({"q1": {"x": 1.0}}, "none of the doc"),
    ):
        with pytest.raises(InputError, match=message):
            imported_run("theirs", run, MINI, ["MRR@10"], depth=100)
