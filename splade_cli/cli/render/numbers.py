"""Numbers as people read them: figures, durations, and the course of many in a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-~=+*#"


def sparkline(values: Sequence[float], width: int, ascii_only: bool = False) -> str:
    """The course of `values` in at most `width` letters, from the lowest value to the highest.

    Neighbours are averaged where there are more values than letters; values that are not finite are left out.
    """
    known = [value for value in values if math.isfinite(value)]
    if not known or width < 1:
        return ""
    if len(known) > width:
        bounds = [round(number * len(known) / width) for number in range(width + 1)]
        known = [sum(known[a:b]) / (b - a) for a, b in pairwise(bounds)]
    letters = ASCII_BLOCKS if ascii_only else BLOCKS
    low, high = min(known), max(known)
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high)):
        return letters[len(letters) // 2] * len(known)
    return "".join(
        letters[min(len(letters) - 1, int((value - low) / span * len(letters)))] for value in known
    )


def figure(value: float) -> str:
    """Four digits that count, in at most nine letters."""
    if not math.isfinite(value):
        return str(value)
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``3 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
