"""Rows of metrics.jsonl: the step, and what was measured at it by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MetricsRow = Mapping[str, object]
"""``step`` and JSON values by name: numbers, and what a person may want to read beside them."""
Listener = Callable[[MetricsRow], None]
"""Called with each row of metrics.jsonl as it is written."""


def step_of(row: MetricsRow) -> int:
    """The optimiser step of a row, 0 where it names none."""
    step = row.get("step", 0)
    return int(step) if isinstance(step, int | float) else 0


def numbers_of(row: MetricsRow) -> dict[str, float]:
    """The numbers of a row by name; true and false are none."""
    numbers: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers[name] = float(value)
    return numbers
