"""Slices of one text: overlapping, walked from left to right, each with the headings that it stands under."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from splade_cli.corpus.segmentation.boundaries import Boundaries, Cut, Range, hard_cut
from splade_cli.corpus.segmentation.sizes import Fit, Headings, Sizes
from splade_cli.corpus.segmentation.structure import HeadingPaths

KEEP_WHOLE = 1.3
"""A text that is so much longer than wished for is not cut."""


class Slice(NamedTuple):
    """Start and end, where the part begins that the slice before has not got, and headings above that."""

    start: int
    end: int
    new: int
    headings: Headings


class Slicer:
    """Cuts one text.

    Args:
        paths: of its headings.
        boundaries: where it can be cut.
        fit: how long the slices are.
        overlap: share of a slice that the next one repeats, 0 or 0.1 to 0.2.
    """

    def __init__(
        self, text: str, paths: HeadingPaths, boundaries: Boundaries, fit: Fit, overlap: float
    ) -> None:
        self._text = text
        self._paths = paths
        self._boundaries = boundaries
        self._fit = fit
        self._lengths = fit.lengths
        self._overlap = overlap

    def __iter__(self) -> Iterator[Slice]:
        """The slices in order; together they hold all but blanks."""
        start = len(self._text) - len(self._text.lstrip())
        stop = len(self._text.rstrip())
        new = start
        while new < stop:
            headings = self._fit.headings(self._paths.at(new))
            sizes = self._fit.sizes(headings)
            cut = self._cut(start, new, stop, sizes)
            excess = self._fit.excess(start, cut.end, headings)
            while excess and sizes.most > 1:
                sizes = sizes.below(sizes.most - excess)
                if 2 * self._lengths.between(start, new) > sizes.most:
                    start = new  # what is repeated would leave little room for what is not
                cut = self._cut(start, new, stop, sizes)
                excess = self._fit.excess(start, cut.end, headings)
            yield Slice(start, cut.end, new, headings)
            start = self._next_start(start, cut, sizes)
            new = cut.start

    def _cut(self, start: int, new: int, stop: int, sizes: Sizes) -> Cut:
        """Where the slice from `start` ends best, `stop` where it takes all that is left."""
        lengths = self._lengths
        rest = lengths.between(start, stop)
        # A slice is at least twice what it shares, and what remains must make a slice too.
        low = lengths.after(start, max(sizes.least, 2 * lengths.between(start, new)))
        last = lengths.before(stop, sizes.least)
        all_of_it = Cut(stop, stop)
        if rest <= sizes.most and (rest <= KEEP_WHOLE * sizes.target or low > last):
            return all_of_it
        high = min(lengths.after(start, sizes.most), last)
        # At least a character must be new, of however many tokens it is made.
        low = max(min(low, high), new + 1)
        high = max(low, high)
        target = lengths.after(start, sizes.target)
        within = Range(low, min(max(target, low), high), high)
        cut = self._boundaries.best_end(within, max(last, low), max(1, target - start))
        if cut is None and rest <= sizes.most:
            return all_of_it
        return cut or hard_cut(self._text, within)

    def _next_start(self, start: int, cut: Cut, sizes: Sizes) -> int:
        """Where the next slice starts: at the best boundary in the last 10-20% of the one that ends here."""
        lengths = self._lengths
        length = lengths.between(start, cut.end)
        low = lengths.before(cut.end, length // 5)
        high = lengths.before(cut.end, -(-length // 10))
        # Across a wide gap of blanks the shared words would be most of the next slice.
        is_wide_gap = lengths.between(low, cut.start) > sizes.most // 4
        if not self._overlap or low > high or is_wide_gap:
            return cut.start
        wished = min(max(lengths.before(cut.end, round(self._overlap * length)), low), high)
        within = Range(low, wished, high)
        shared = self._boundaries.best_start(within) or hard_cut(self._text, within)
        if shared.start > high:
            return cut.start
        return shared.start
