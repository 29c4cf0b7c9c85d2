"""Histogram of counts, such as the active terms of texts or their words, in bins of the same width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splade_cli.reports.plot import Axis, Plot, Series

BINS = 30


@dataclass(frozen=True)
class Histogram:
    """How many texts have so many of something: bin i counts from ``low + i * width`` on."""

    low: int
    width: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, active: NDArray[np.integer]) -> Histogram:
        """Of one number a text, in at most BINS bins of the same width."""
        low = int(active.min())
        width = max(1, -(-(int(active.max()) - low + 1) // BINS))
        counts = np.bincount((active - low) // width)
        return cls(low, width, tuple(counts.tolist()))

    def plot(self, title: str, description: str, counted: str, texts: str, number: int = 0) -> Plot:
        """Bars of it.

        Args:
            counted: what a text has, such as ``active terms``.
            texts: what has it, such as ``documents``.
            number: of the colour.
        """
        xs = tuple(float(self.low + place * self.width) for place in range(len(self.counts)))
        labels = tuple(_range(int(x), int(x) + self.width - 1, counted) for x in xs)
        bars = Series("", xs, tuple(map(float, self.counts)), number, labels)
        across = Axis(counted, ",.0f")
        return Plot(title, description, "bars", across, Axis(texts, ",.0f"), (bars,), bar=float(self.width))


def _range(first: int, last: int, counted: str) -> str:
    return f"{first} {counted}" if first == last else f"{first} to {last} {counted}"
