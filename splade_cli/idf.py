"""Inverse document frequency: how much a term tells, from how many texts have it.

Whatever ranks takes `inverse_document_frequency`; what chooses words of a text takes `rarity`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def inverse_document_frequency(frequencies: NDArray[np.integer], texts: int) -> NDArray[np.float64]:
    """``ln(1 + (N - n + 0.5) / (n + 0.5))`` of each term [Robertson and Zaragoza 2009, as Lucene smooths it].

    Args:
        frequencies: n, in how many texts each term is; any shape.
        texts: N.

    Returns:
        float64 of the same shape, never below 0.
    """
    import numpy as np

    counts = np.asarray(frequencies, dtype=np.float64)
    return np.asarray(np.log1p((texts - counts + 0.5) / (counts + 0.5)))


def rarity(frequency: int, texts: int) -> float:
    """``ln(1 + N / n)`` of one term [Baeza-Yates and Ribeiro-Neto 2011, the smooth inverse frequency].

    Never below ln 2: the IDF of ranking makes next to nothing of a word in half of a small corpus.

    Args:
        frequency: n, in how many texts the term is, 1 or more.
        texts: N.
    """
    return math.log(1 + texts / frequency)


def specificity(frequency: int, texts: int) -> float:
    """``ln(N / n)`` of one term [Spärck Jones 1972, to another base]: nothing of what all texts have.

    Args:
        frequency: n, in how many texts the term is, 1 or more.
        texts: N.
    """
    return math.log(texts / frequency)
