"""Rows as datasets: what a list is distilled over."""

from __future__ import annotations

from dataclasses import replace

from splade_cli.records import Example
from splade_cli.training.losses.objective import as_datasets, without_source

ROW = Example("query", "source", ("one", "two", "three"), (1.0, 0.5, 0.25, 0.0), query_type="question")


def test_a_written_query_is_distilled_without_its_chunk() -> None:
    row = without_source(ROW, 2)
    assert (row.positive, row.negatives, row.scores) == ("one", ("two",), (0.5, 0.25))
    assert without_source(ROW, 5).negatives == ("two", "three")
    datasets, kinds = as_datasets({"rows": [row]}, 2, "auto")
    assert kinds == {"rows-kl-1": "kl"}
    assert datasets["rows-kl-1"][0] == {
        "query": "query",
        "positive": "one",
        "negative_1": "two",
        "label": [0.5, 0.25],
    }


def test_other_rows_stay_as_they_are() -> None:
    for row in (
        replace(ROW, query_type="human"),
        replace(ROW, query_type=""),
        replace(ROW, scores=None),
        replace(ROW, negatives=("one",), scores=(1.0, 0.5)),
    ):
        assert without_source(row, 2) is row
    assert without_source(ROW, 1) is ROW, "one document is no list"
