"""Ranked lists of the same rows in, one ranked list out; pure, knows nothing of what ranked them.

A ranking is a pair (rows int64 [q, k], scores float32 [q, k]), best first, empty places -1 and -inf, as every search
of an index gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive

Ranking = tuple[NDArray[np.int64], NDArray[np.float32]]
RRF_CONSTANT = 60
DEPTH = 100
"""Rows of each list that are fused. Where a list ends decides what its scores are worth, so whoever fits weights and
whoever searches with them must end it alike."""


def rrf(lists: Sequence[Ranking], k: int, *, constant: int = RRF_CONSTANT) -> Ranking:
    """Reciprocal rank fusion: the sum over lists of ``1 / (constant + rank)``, rank from 1 [Cormack et al. 2009].

    Scores of the lists play no part, so they need no common scale. Ties by row.
    """
    reciprocal = []
    for rows, _ in lists:
        by_rank = (1 / (constant + 1 + np.arange(rows.shape[1]))).astype(np.float32)
        reciprocal.append((rows, np.broadcast_to(by_rank, rows.shape)))
    return _summed(reciprocal, np.ones(len(lists)), k)


def weighted(lists: Sequence[Ranking], weights: Sequence[float], k: int) -> Ranking:
    """The weighted sum of scores that are brought to [0, 1] within each query and list; ties by row.

    The best row of a list gets 1, its last one 0, and a row that is missing from it 0 as well. A list of weight 0 adds
    no rows.

    Raises:
        InputError: weights that are negative, all 0, or not one a list.
    """
    shares = np.asarray(weights, dtype=np.float64)
    if len(shares) != len(lists) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        named = ", ".join(f"{weight:g}" for weight in weights)
        raise InputError(
            f"fusion weights {named or 'of no list'}", f"{len(lists)} weights, none below 0, one above"
        )
    used = [number for number, share in enumerate(shares) if share]
    return _summed([normalised(lists[number]) for number in used], shares[used], k)


def normalised(ranking: Ranking) -> Ranking:
    """Scores of each query to [0, 1]: (score - smallest) / (largest - smallest); all 1 where they are all equal."""
    rows, scores = ranking
    there = rows >= 0
    low = np.where(there, scores, np.inf).min(1, initial=np.inf, keepdims=True)
    high = np.where(there, scores, -np.inf).max(1, initial=-np.inf, keepdims=True)
    some = high > low
    scaled = (np.where(there & some, scores, 0) - np.where(some, low, 0)) / np.where(some, high - low, 1)
    return rows, np.where(there, np.where(some, scaled, 1), -np.inf).astype(np.float32)


def aligned(lists: Sequence[Ranking], query: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows [m] that any list has for one query, ascending, and their scores [m, lists], 0 where one lacks them."""
    kept = [(rows[query][rows[query] >= 0], scores[query][rows[query] >= 0]) for rows, scores in lists]
    every = np.unique(np.concatenate([rows for rows, _ in kept])) if kept else np.empty(0, dtype=np.int64)
    table = np.zeros((len(every), len(lists)))
    for number, (rows, scores) in enumerate(kept):
        table[np.searchsorted(every, rows), number] = scores
    return every, table


def best(lists: Sequence[Ranking], k: int, queries: int | None = None) -> Ranking:
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


def _summed(lists: Sequence[Ranking], weights: NDArray[np.float64], k: int) -> Ranking:
    require_positive(k=k)
    queries = len(lists[0][0]) if lists else 0
    rows = np.full((queries, k), -1, dtype=np.int64)
    scores = np.full((queries, k), -np.inf, dtype=np.float32)
    for query in range(queries):
        every, table = aligned(lists, query)
        # rounded before they are compared, so that rows of equal float32 scores fall back on their numbers
        sums = (table @ weights).astype(np.float32)
        order = np.lexsort((every, -sums))[:k]
        rows[query, : len(order)], scores[query, : len(order)] = every[order], sums[order]
    return rows, scores
