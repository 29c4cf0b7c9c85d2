"""Exact top-k search of dense vectors, which may lie in a memory-mapped file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.index.engine.running.merging import RankedRows

TILE = 8192
QUERIES = 256
Vectors = NDArray[np.float32] | NDArray[np.float16]


def unit(vectors: Vectors) -> NDArray[np.float32]:
    """Rows of [n, d] at length 1, so that a dot product is their cosine; rows of zeros stay."""
    wide = np.asarray(vectors, dtype=np.float32)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def search(
    vectors: Vectors, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None
) -> RankedRows:
    """The k rows of largest dot product with each query; unlike sparse vectors, every row is a result.

    Rows are read in tiles of TILE and widened to float32 there, so memory does not grow with n. float16
    halves the file; widening it makes one query at a time some ten times slower, hundreds at once twice.

    Args:
        vectors: [n, d] float32 or float16.
        queries: [q, d].
        allowed: bool [n]; other rows are no results.

    Returns:
        Rows int64 [q, k] and scores float32 [q, k], best first, ties by row; missing ones -1 and -inf.

    Raises:
        InputError: k below 1, queries of another width, a score that is not finite.
    """
    require_positive(k=k)
    if queries.ndim != 2 or queries.shape[1] != vectors.shape[1]:
        raise InputError(
            f"queries of shape {queries.shape} for vectors of {vectors.shape}", "use one model for both"
        )
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for first in range(0, len(queries), QUERIES):
        block = np.asarray(queries[first : first + QUERIES], dtype=np.float32)
        nothing = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        best: list[RankedRows] = [nothing] * len(block)
        for start in range(0, len(vectors), TILE):
            tile = np.asarray(vectors[start : start + TILE], dtype=np.float32)
            within = np.arange(start, start + len(tile))
            if allowed is not None:
                chosen = allowed[start : start + TILE]
                if not chosen.any():
                    continue
                tile = tile[chosen]
                within = within[chosen]
            products = block @ tile.T
            if not np.isfinite(products).all():
                raise InputError(
                    "a dense vector holds a number that is not finite", "check the model that made it"
                )
            for query, line in enumerate(products):
                best[query] = _best(*best[query], within, line, k)
        for query, (best_rows, best_scores) in enumerate(best, first):
            rows[query, : len(best_rows)] = best_rows
            scores[query, : len(best_rows)] = best_scores
    return rows, scores


def _best(
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    within: NDArray[np.int64],
    line: NDArray[np.float32],
    k: int,
) -> RankedRows:
    """The k best of those so far and a tile's; later rows lose ties, so a full list takes only what is above
    its last."""
    if len(rows) == k:
        fresh = np.flatnonzero(line > scores[-1])
    elif len(line) > k:
        fresh = np.flatnonzero(line >= np.partition(line, len(line) - k)[len(line) - k])
    else:
        fresh = np.arange(len(line))
    if not len(fresh):
        return rows, scores
    all_rows = np.concatenate([rows, within[fresh]])
    all_scores = np.concatenate([scores, line[fresh]])
    order = np.lexsort((all_rows, -all_scores))[:k]
    return all_rows[order], all_scores[order]
