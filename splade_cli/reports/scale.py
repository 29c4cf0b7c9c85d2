"""Scale of an axis, linear or logarithmic: from values to places, with round numbers as ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from splade_cli.reports.plot import Axis

WANTED = 5
"""Ticks that an axis has, about."""


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` as places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def scale(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    """A scale for an axis that has `values` on it; they may be none, or all the same."""
    within = [value for value in (*values, axis.low, axis.high) if value is not None]
    if axis.log:
        within = [value for value in within if value > 0] or [1.0]
        low, high = _decade_ends(min(within), max(within))
        return Scale(low, high, start, end, True, _log_ticks(low, high))
    low = min(within, default=0.0)
    high = max(within, default=1.0)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    step = _round_step((high - low) / WANTED)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    ticks = tuple(round(number * step, 12) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, False, ticks)


def _round_step(rough: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5, 10):
        if rough <= factor * power * (1 + 1e-9):
            return factor * power
    raise AssertionError("a number lies below ten times its power of ten")


def _decade_ends(low: float, high: float) -> tuple[float, float]:
    """The next 1, 2 or 5 times a power of ten below and above, at least a factor of 4 apart."""
    down = _log_steps(low / 1.0001, low)
    up = _log_steps(high, high * 1.0001)
    first = max(step for step in down if step <= low * (1 + 1e-9))
    last = min(step for step in up if step >= high * (1 - 1e-9))
    while last / first < 4:
        first /= 2
        last *= 2
    return first, last


def _log_steps(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten around two numbers."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    return [factor * 10.0**power for power in powers for factor in (1, 2, 5)]


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    """1, 2 and 5 times powers of ten; of more than three decades the powers alone."""
    ticks = [step for step in _log_steps(low, high) if low * (1 - 1e-9) <= step <= high * (1 + 1e-9)]
    if high / low > 1000:
        ticks = [tick for tick in ticks if math.log10(tick).is_integer()] or ticks
    return tuple(ticks)
