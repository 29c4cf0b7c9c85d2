"""Rankings of rows, and merging those of different rows into one.

A ranking is a pair (rows int64 [q, k], scores float32 [q, k]), best first, missing ones -1 and -inf, as every
search of rows gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import require_positive

RankedRows = tuple[NDArray[np.int64], NDArray[np.float32]]


def merge(lists: Sequence[RankedRows], k: int, queries: int | None = None) -> RankedRows:
    """The k best of rankings of different rows, whose scores mean the same; ties by row.

    Args:
        queries: how many, needed only where there may be no list.
    """
    require_positive(k=k)
    count = queries if queries is not None else len(lists[0][0])
    empty = (np.full((count, k), -1, dtype=np.int64), np.full((count, k), -np.inf, dtype=np.float32))
    rows = np.concatenate([rows for rows, _ in (*lists, empty)], axis=1)
    scores = np.concatenate([scores for _, scores in (*lists, empty)], axis=1)
    order = np.lexsort((rows, -scores), axis=-1)[:, :k]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)


def listed(ranked: RankedRows) -> list[tuple[list[int], NDArray[np.float32]]]:
    """The rows and scores that each query has found."""
    rows, scores = ranked
    found = []
    for line, values in zip(rows.tolist(), scores, strict=True):
        if line[-1] < 0:  # those that are missing come last
            size = line.index(-1)
            line = line[:size]
            values = values[:size]
        found.append((line, values))
    return found
