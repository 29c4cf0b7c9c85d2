"""Curves of a run from its metrics.jsonl: loss, validation, active terms; where the file of a model lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from splade_cli.reports.curves import MOST, curves, metrics_of

ROWS: list[dict[str, Any]] = [
    {"step": 0, "preflight": "ok", "active": 242.6},
    {
        "step": 0,
        "nDCG@10": 0.85,
        "MRR@10": 0.82,
        "query_terms": 27.5,
        "document_terms": 247.0,
        "stage": "before",
    },
    {"step": 10, "loss": 0.96, "document_terms": 249.2, "query_terms": 32.7},
    {"step": 20, "loss": None, "document_terms": 112.2, "query_terms": 24.0},
    {"step": 20, "nDCG@10": 0.84, "MRR@10": 0.81, "query_terms": 30.5, "document_terms": 159.0},
    {"step": 30, "loss": 1.14},
    {"step": 30, "train_loss": 1.09},
    {
        "step": 30,
        "nDCG@10": 0.86,
        "MRR@10": 0.83,
        "query_terms": 30.0,
        "document_terms": 195.0,
        "stage": "after",
    },
]


def test_each_curve_has_the_points_of_its_rows() -> None:
    loss, validation, terms = curves(ROWS)
    assert [(series.name, series.x, series.y) for series in loss.series] == [
        ("training loss", (10.0, 30.0), (0.96, 1.14))
    ]
    assert [(series.name, series.y) for series in validation.series] == [
        ("nDCG@10", (0.85, 0.84, 0.86)),
        ("MRR@10", (0.82, 0.81, 0.83)),
    ]
    assert [(series.name, series.y) for series in terms.series] == [
        ("queries", (27.5, 30.5, 30.0)),
        ("documents", (247.0, 159.0, 195.0)),
    ], "of validation, not of batches"
    assert "0.8500 before training, 0.8600 at its best, 0.8600 in the end" in validation.description


def test_a_run_without_validation_has_its_loss_and_the_terms_of_its_batches() -> None:
    loss, terms = curves([row for row in ROWS if "loss" in row])
    assert (loss.title, terms.title) == ("Loss in training", "Sparsity in training")
    assert [(series.name, series.y) for series in terms.series] == [
        ("queries", (32.7, 24.0)),
        ("documents", (249.2, 112.2)),
    ]
    assert curves([]) == []


def test_many_points_are_means_of_neighbours() -> None:
    (loss,) = curves([{"step": step, "loss": float(step % 2)} for step in range(1, 1001)])
    (series,) = loss.series
    assert len(series.x) == MOST and series.x[-1] == 1000.0
    assert set(series.y) == {0.4, 0.6}


def test_the_metrics_of_a_model_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "final").mkdir()
    assert metrics_of(tmp_path / "final") == []
    lines = [json.dumps(row) for row in ROWS]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 40, "lo']), encoding="utf-8")
    assert metrics_of(tmp_path / "final") == metrics_of(tmp_path) == ROWS
