"""Inverse document frequency: how much a term tells, from how many texts have it.

The one formula of everything that ranks; what the offline writer calls rarity is no ranking.
"""

from __future__ import annotations

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
