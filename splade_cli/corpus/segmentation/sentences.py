"""Sentence segmentation: cuts at the ends of sentences or words, wherever else a text may have its seams.

The boundary that parts most is where the sentences before and behind are least alike, as in TextTiling
(Hearst 1997), with the vectors of a sparse encoder in place of counts of words.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.corpus.segmentation.boundaries import Cut, Range, cut_at
from splade_cli.corpus.segmentation.text_model import Encode

AROUND = 3
"""Sentences on either side of a boundary that are compared."""
DISTANCE = 0.2
"""Cosine that a cut loses when it lies the wished size away from the wished position."""
_WORD_END = re.compile(r"\s+")
# After a full stop no small letter follows; a blank line ends a sentence that has none, such as a heading.
_SENTENCE_END = re.compile(
    r"[.!?…][\"'”’»)\]]{0,3}\s++(?![a-zà-öø-ÿ])|[。！？][”’」』）]{0,3}\s*|\n[^\S\n]*\n\s*"
)


class WordBoundaries:
    """Cuts between words, the nearest to where one is wished for: slices as long as can be, whatever they
    say."""

    def __init__(self, text: str) -> None:
        self._cuts = _Cuts(text, _WORD_END)

    def best_end(self, within: Range, last: int, unit: int) -> Cut | None:
        """The cut in a range whose end is nearest to the wished position."""
        return _nearest(self._cuts.ending(within, last), within.wished)

    def best_start(self, within: Range) -> Cut | None:
        """The cut in a range whose start is nearest to the wished position."""
        return _nearest(self._cuts.starting(within), within.wished)


class SentenceBoundaries:
    """Cuts between sentences, the nearest to where one is wished for; between words where there are none."""

    def __init__(self, text: str) -> None:
        self.cuts = _Cuts(text, _SENTENCE_END)
        self._words = WordBoundaries(text)

    def best_end(self, within: Range, last: int, unit: int) -> Cut | None:
        """See `WordBoundaries.best_end`."""
        found = _nearest(self.cuts.ending(within, last), within.wished)
        return found or self._words.best_end(within, last, unit)

    def best_start(self, within: Range) -> Cut | None:
        """See `WordBoundaries.best_start`."""
        return _nearest(self.cuts.starting(within), within.wished) or self._words.best_start(within)


class SemanticBoundaries(SentenceBoundaries):
    """Cuts between sentences, where those before and behind are least alike.

    Args:
        encode: makes the vectors of the sentences.
    """

    def __init__(self, text: str, encode: Encode) -> None:
        super().__init__(text)
        self._encode = encode

    @cached_property
    def _alike(self) -> NDArray[np.float64]:
        return similarities(self._encode(self.cuts.parts()))

    def best_end(self, within: Range, last: int, unit: int) -> Cut | None:
        """The cut in a range that loses least: what is alike on both sides, and distance from the wish."""
        best = None
        price = np.inf
        for number in self.cuts.numbers_ending(within, last):
            cut = self.cuts.all[number]
            loss = self._alike[number] + DISTANCE * abs(cut.end - within.wished) / unit
            if loss < price:
                best = cut
                price = loss
        return best or super().best_end(within, last, unit)


def similarities(vectors: sp.csr_matrix) -> NDArray[np.float64]:
    """Cosine of the sums of the `AROUND` vectors before and behind each boundary; [n - 1] of n vectors."""
    count = vectors.shape[0]
    if count < 2:
        return np.empty(0)
    boundaries = np.arange(1, count)
    before = _sums(vectors, np.maximum(boundaries - AROUND, 0), boundaries)
    behind = _sums(vectors, boundaries, np.minimum(boundaries + AROUND, count))
    products = np.asarray(before.multiply(behind).sum(axis=1)).ravel()
    norms = np.sqrt(_squares(before) * _squares(behind))
    cosines = np.zeros(count - 1)
    np.divide(products, norms, out=cosines, where=norms > 0)
    return cosines


def _sums(vectors: sp.csr_matrix, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> sp.csr_matrix:
    """Sums of the rows ``starts[i]:ends[i]``."""
    lengths = ends - starts
    rows = np.repeat(np.arange(len(starts)), lengths)
    columns = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
    window = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(starts), vectors.shape[0]))
    return sp.csr_matrix(window @ vectors)


def _squares(vectors: sp.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()


class _Cuts:
    """The cuts at all matches of a pattern, in order."""

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        found = dict.fromkeys(cut_at(text, match.end()) for match in pattern.finditer(text))
        self.all = [cut for cut in found if cut.end > 0 and cut.start < len(text)]
        self._text = text
        self._ends = [cut.end for cut in self.all]
        self._starts = [cut.start for cut in self.all]

    def parts(self) -> list[str]:
        """What lies between the cuts; one more than there are of these."""
        starts = [0, *self._starts]
        ends = [*self._ends, len(self._text)]
        return [self._text[start:end].strip() for start, end in zip(starts, ends, strict=True)]

    def numbers_ending(self, within: Range, last: int) -> range:
        """Of the cuts that end in a range and start no later than `last`."""
        first = bisect_left(self._ends, within.low)
        behind = min(bisect_left(self._ends, within.high + 1), bisect_left(self._starts, last + 1))
        return range(first, max(first, behind))

    def ending(self, within: Range, last: int) -> list[tuple[int, Cut]]:
        """The ends of those cuts, and the cuts."""
        return [(self._ends[number], self.all[number]) for number in self.numbers_ending(within, last)]

    def starting(self, within: Range) -> list[tuple[int, Cut]]:
        """The starts of the cuts that start in a range, and the cuts."""
        first = bisect_left(self._starts, within.low)
        behind = bisect_left(self._starts, within.high + 1)
        return [(self._starts[number], self.all[number]) for number in range(first, behind)]


def _nearest(places: Sequence[tuple[int, Cut]], wished: int) -> Cut | None:
    best = None
    distance = np.inf
    for position, cut in places:
        if abs(position - wished) < distance:
            best = cut
            distance = abs(position - wished)
    return best
