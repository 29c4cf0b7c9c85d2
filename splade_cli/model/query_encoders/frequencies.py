"""Document frequencies of tokens, counted while texts pass; they make the IDF table of static queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from splade_cli.idf import inverse_document_frequency


class TokenFrequencies:
    """In how many texts each token is.

    Attributes:
        counts: int64 [V].
        texts: how many there were.
    """

    def __init__(self, dimensions: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros(dimensions, dtype=np.int64)
        self.texts = 0

    @classmethod
    def of(cls, ids: Iterable[Sequence[int]], dimensions: int) -> Self:
        """Those of texts that are token ids already."""
        frequencies = cls(dimensions)
        for row in ids:
            frequencies.add(row)
        return frequencies

    def add(self, ids: Sequence[int]) -> None:
        """Counts the token ids of one more text."""
        self.counts[np.unique(np.asarray(ids, dtype=np.int64))] += 1
        self.texts += 1

    def idf(self) -> NDArray[np.float32]:
        """Inverse document frequency of each token, float32 [V]."""
        return inverse_document_frequency(self.counts, self.texts).astype(np.float32)
