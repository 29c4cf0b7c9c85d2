"""The page of a training run: what it says of the result, and what trackers are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splade_cli.training.result import Trained
from splade_cli.training.tracking.page import training_page, write_report
from splade_cli.training.tracking.tracker import Tracker

TRAINED = Trained(
    Path("run/final"),
    steps=40,
    best_step=30,
    before={"nDCG@10": 0.8508, "query_terms": 27.5, "document_terms": 247.0},
    after={"nDCG@10": 0.8622, "query_terms": 30.0, "document_terms": 194.7},
    share=0.5,
    rows=1324,
    notes=["a remark"],
)
ROWS: list[dict[str, Any]] = [
    {"step": 0, "outline": "texts", "is": "the first 256 tokens"},
    {"step": 0, "nDCG@10": 0.8508, "query_terms": 27.5, "stage": "before", "seconds": 3.0},
    {"step": 10, "loss": 0.9, "seconds": 50.0},
    {"step": 40, "nDCG@10": 0.8622, "query_terms": 30.0, "stage": "after", "seconds": 445.0},
]
SETTINGS = {"model.base_model": ("org/base", "flag"), "training.seed": (42, "default")}


def test_the_page_says_what_the_run_gave() -> None:
    page = training_page(TRAINED, ROWS, SETTINGS)
    assert page.title == "Training of base"
    assert page.verdict == "nDCG@10 on held-out rows rises from 0.851 to 0.862 (+0.011)."
    assert "1,324 rows, 40 steps, 7 min" in page.subtitle
    terms = "A query has 30 active terms, 28 before; a document has 195 active terms, 247 before"
    assert page.paragraphs[0].startswith(terms)
    assert "50% of the tuned weights and 50% of the base's" in page.paragraphs[1]
    by_title = {section.title: section.table for section in page.sections}
    assert by_title["Outline"].rows == (("texts", "the first 256 tokens"),)
    assert by_title["Validation"].rows == ((0, "before", 0.8508, 27.5), (40, "after", 0.8622, 30.0))
    assert by_title["Settings"].rows == (
        ("model.base_model", "org/base", "flag"),
        ("training.seed", "42", "default"),
    )
    assert page.notes == ("a remark",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"before": {}, "after": {}}, "There were no validation rows"),
        ({"after": {"nDCG@10": 0.8}}, "falls from 0.851 to 0.800 (-0.051)"),
        ({"after": {"nDCG@10": 0.8508}}, "stays at 0.851"),
        (
            {"before": {"loss": 2.0}, "after": {"loss": 1.5}},
            "loss on held-out rows falls from 2.000 to 1.500",
        ),
    ],
)
def test_the_verdict_is_that_of_the_figures(changes: dict[str, Any], said: str) -> None:
    assert said in training_page(replace(TRAINED, **changes), [], SETTINGS).verdict


def test_a_guard_is_told() -> None:
    guarded = replace(TRAINED, guard_before={"guard_nDCG@10": 0.5}, guard_after={"guard_nDCG@10": 0.49})
    assert (
        "nDCG@10 on the guard, which the run is not for, goes from 0.500 to 0.490."
        in training_page(guarded, [], SETTINGS).paragraphs
    )


def test_trackers_are_told_and_the_run_folder_has_the_page(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from splade_cli.training.tracking.trackers import tracking_callbacks

    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "loss": 0.5}\n', encoding="utf-8")
    trackers: list[Tracker] = tracking_callbacks(["tensorboard"], tmp_path)
    write_report(tmp_path, TRAINED, SETTINGS, trackers)
    for tracker in trackers:
        tracker.close()
    assert "Loss in training" in (tmp_path / "report.html").read_text(encoding="utf-8")
    events = EventAccumulator(str(tmp_path / "runs"))
    events.Reload()
    (event,) = events.Tensors("report/text_summary")
    assert "**nDCG@10 on held-out rows rises" in event.tensor_proto.string_val[0].decode()
