"""Learning curves: loss, validation and active terms by optimiser step, from the metrics.jsonl of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from splade_cli.records import JsonValue
from splade_cli.reports.plot import Axis, Plot, Series

METRICS = "metrics.jsonl"
MOST = 200
"""Points of a line; of more the mean of neighbours is drawn."""
STEP = Axis("optimiser step", ",.0f")
MEASURES = ("nDCG@10", "MRR@10")
TERMS = {"query_terms": "queries", "document_terms": "documents"}
Row = Mapping[str, JsonValue]


def metrics_of(folder: Path) -> list[Row]:
    """The rows of a run folder's metrics.jsonl, or of the run that a model folder is of; none where neither
    is known. A last line that was cut off is left out."""
    for place in (folder, folder.parent):
        path = place / METRICS
        if not path.is_file():
            continue
        rows: list[Row] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(json.JSONDecodeError):
                row = json.loads(line)
                if isinstance(row, dict):
                    rows.append(row)
        return rows
    return []


def curves(rows: Sequence[Row]) -> list[Plot]:
    """The plots that the rows of a run have points for."""
    plots = []
    loss = _series(rows, "loss", "training loss", 0)
    held_out = _series([row for row in rows if "loss" not in row], "eval_loss", "validation loss", 1)
    lines = tuple(series for series in (loss, held_out) if series is not None)
    if lines:
        first, last = lines[0].y[0], lines[0].y[-1]
        said = f"The {lines[0].name} goes from {first:.4g} to {last:.4g} in {lines[0].x[-1]:,.0f} steps."
        plots.append(Plot("Loss in training", said, "lines", STEP, Axis("loss", ".4g"), lines))
    validated = [row for row in rows if "loss" not in row]
    measured = [_series(validated, name, name, number) for number, name in enumerate(MEASURES)]
    lines = tuple(series for series in measured if series is not None)
    if lines and max(len(series.x) for series in lines) > 1:
        best = max(lines[0].y)
        said = (
            f"{lines[0].name} on held-out rows is {lines[0].y[0]:.4f} before training, {best:.4f} at its "
            f"best, {lines[0].y[-1]:.4f} in the end."
        )
        plots.append(Plot("Validation in training", said, "lines", STEP, Axis("measure", ".4f"), lines))
    lines = _terms(validated) or _terms(rows)  # without validation those of the batches
    if lines:
        ends = [f"{series.name} from {series.y[0]:.0f} to {series.y[-1]:.0f}" for series in lines]
        said = f"Active terms of a text, on average: {', '.join(ends)}."
        terms = Axis("active terms", ",.1f", low=0.0)
        plots.append(Plot("Sparsity in training", said, "lines", STEP, terms, lines))
    return plots


def _terms(rows: Sequence[Row]) -> tuple[Series, ...]:
    """Active terms of queries and documents by step; nothing where there is no line to draw."""
    counted = [_series(rows, key, name, number) for number, (key, name) in enumerate(TERMS.items())]
    lines = tuple(series for series in counted if series is not None)
    return lines if lines and max(len(series.x) for series in lines) > 1 else ()


def _series(rows: Sequence[Row], key: str, name: str, number: int) -> Series | None:
    """A line of one value by step; a step that was measured twice counts with the last."""
    points: dict[float, float] = {}
    for row in rows:
        step = row.get("step")
        value = row.get(key)
        if isinstance(value, int | float) and isinstance(step, int | float):
            points[float(step)] = float(value)
    if not points:
        return None
    steps = sorted(points)
    size = -(-len(steps) // MOST)
    groups = [steps[start : start + size] for start in range(0, len(steps), size)]
    xs = tuple(group[-1] for group in groups)
    ys = tuple(sum(points[step] for step in group) / len(group) for group in groups)
    return Series(name, xs, ys, number)
