"""Rows as datasets: what a list is distilled over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from splade_cli.datasets.teacher_run import TeacherRun
from splade_cli.records import Example
from splade_cli.training.losses.objective import as_datasets, by_run, without_source

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
        replace(ROW, query_type="aspect"),
        replace(ROW, scores=None),
        replace(ROW, negatives=("one",), scores=(1.0, 0.5)),
    ):
        assert without_source(row, 2) is row
    assert without_source(ROW, 1) is ROW, "one document is no list"


def run_of(*documents: str) -> TeacherRun:
    scores = sp.csr_matrix(np.ones((1, len(documents)), dtype=np.float32))
    return TeacherRun(scores, {ROW.query: 0}, {text: number for number, text in enumerate(documents)})


def test_a_row_that_a_teachers_run_speaks_of_has_its_columns_for_a_label() -> None:
    run = run_of("three", "two", "one", ROW.positive)
    datasets, kinds = as_datasets({"train": [ROW]}, 2, "auto", runs={"train": run})
    assert list(kinds.values()) == ["run_kl"]
    made = next(iter(datasets.values()))[0]
    assert (made["positive"], made["negative_1"]) == (ROW.negatives[0], ROW.negatives[1])
    assert made["label"] == [0, 3, run.documents[ROW.negatives[0]], run.documents[ROW.negatives[1]]]


def test_a_query_of_an_aspect_is_distilled_with_its_chunk() -> None:
    run = run_of("three", "two", "one", ROW.positive)
    row = replace(ROW, query_type="aspect")
    datasets, kinds = as_datasets({"train": [row]}, 2, "auto", runs={"train": run}, drops_source=True)
    assert list(kinds.values()) == ["kl"]
    made = next(iter(datasets.values()))[0]
    assert (made["positive"], made["label"]) == ("source", [1.0, 0.5, 0.25])


def test_a_row_with_a_text_that_the_run_does_not_know_is_distilled_from_its_scores() -> None:
    run = run_of("three", "one")
    _, kinds = as_datasets({"train": [ROW]}, 2, "auto", runs={"train": run})
    assert list(kinds.values()) == ["kl"]
    assert by_run([ROW], 2, {"train": run}) == {"val": [ROW]}
    assert by_run([ROW], 2, {"train": run_of("one", "two", "three", ROW.positive)}) == {"train": [ROW]}
