"""Length of a text in characters or in tokens, and where so many of them end.

What a model reads is counted in tokens, whose number of a stretch follows from where each token of the whole
text starts: a text is tokenised once, however often it is cut.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splade_cli.corpus.segmentation.text_model import Tokens

LONGEST_TOKEN = 16
"""Characters that count as one token at most: a word that is none to a tokenizer takes room all the same."""


class Lengths(Protocol):
    """Lengths of stretches of one text, in a unit; positions are those of characters."""

    def between(self, start: int, end: int) -> int:
        """Units that start in ``text[start:end]``."""

    def after(self, start: int, units: int) -> int:
        """The last position up to which there are no more than `units` from `start` on."""

    def before(self, end: int, units: int) -> int:
        """The first position from which there are no more than `units` before `end`."""


class Characters:
    """Lengths in characters."""

    def between(self, start: int, end: int) -> int:
        """``end - start``."""
        return end - start

    def after(self, start: int, units: int) -> int:
        """``start + units``, be it behind the end of the text."""
        return start + units

    def before(self, end: int, units: int) -> int:
        """``end - units``."""
        return end - units


class TokenLengths:
    """Lengths in tokens; a token longer than `LONGEST_TOKEN` characters counts as several."""

    def __init__(self, text: str, tokens: Tokens) -> None:
        self._starts = _without_gaps(tokens.starts(text), len(text))
        self._end = len(text)

    def between(self, start: int, end: int) -> int:
        """Tokens that start in ``text[start:end]``."""
        return self._index(end) - self._index(start)

    def after(self, start: int, units: int) -> int:
        """Where the first token starts that is too many; the end of the text where none is."""
        last = self._index(start) + units
        if last >= len(self._starts):
            return self._end
        return int(self._starts[last])

    def before(self, end: int, units: int) -> int:
        """Where the first of the last `units` tokens starts."""
        first = self._index(end) - units
        if first < 0 or not len(self._starts):
            return 0
        return int(self._starts[min(first, len(self._starts) - 1)])

    def _index(self, position: int) -> int:
        return int(np.searchsorted(self._starts, position))


def _without_gaps(starts: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """The same starts, and more of them where two are further apart than a token may be long."""
    edges = np.concatenate([[0], starts, [end]])
    gaps = np.flatnonzero(np.diff(edges) > LONGEST_TOKEN)
    if not len(gaps):
        return starts
    more = [np.arange(edges[gap] + LONGEST_TOKEN, edges[gap + 1], LONGEST_TOKEN) for gap in gaps]
    return np.sort(np.concatenate([starts, *more]))
