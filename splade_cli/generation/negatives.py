"""Rankings in, hard negatives and teacher scores out: round trip, positive-aware mining. Knows no model, no files.

A ranking is what a search gave for one query: row numbers, best first, and their scores. Several of them (BM25, a
sparse model, a dense one) make one teacher: each is min-max scaled between its best and its last score, then averaged.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Search = Callable[[Sequence[str], int], tuple[NDArray[np.int64], NDArray[np.float32]]]
"""``search(queries, k)`` -> rows int64 [q, k], scores float32 [q, k], empty places -1 and -inf."""


@dataclass(frozen=True)
class Mined:
    """Rows of the negatives, hardest first or as drawn, and teacher scores of the positive and of each of them."""

    negatives: tuple[int, ...]
    scores: tuple[float, ...]
    rank: int


def scaled(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> dict[int, float]:
    """Scores of one ranking on [0, 1]: best 1, last 0. One hit alone, or equal scores, give 1."""
    found = rows >= 0
    rows, scores = rows[found], scores[found].astype(np.float64)
    if not len(rows):
        return {}
    low, high = float(scores.min()), float(scores.max())
    if high == low:
        return dict.fromkeys(map(int, rows), 1.0)
    return {int(row): (float(score) - low) / (high - low) for row, score in zip(rows, scores, strict=True)}


def fused(rankings: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> dict[int, float]:
    """The mean of scaled scores over rankings, best first, ties by row; a row that a ranking lacks has 0 there."""
    total: dict[int, float] = {}
    for rows, scores in rankings:
        for row, score in scaled(rows, scores).items():
            total[row] = total.get(row, 0.0) + score / len(rankings)
    return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))


def mine(
    teacher: dict[int, float],
    positive: int,
    *,
    count: int,
    depth: int = 20,
    round_trip: int = 10,
    ceiling: float | None = 0.95,
    excluded: frozenset[int] = frozenset(),
    draw: random.Random | None = None,
) -> Mined | None:
    """Negatives of one query, or None where retrieval does not find the positive.

    Args:
        teacher: from `fused`.
        positive: the row that the query was written for.
        count: negatives wanted; fewer where there are not enough candidates.
        depth: candidates are the first so many rows.
        round_trip: the positive must be among the first so many.
        ceiling: a candidate above this share of the positive's score may be relevant itself and is passed over
            (positive-aware mining, de Souza Moreira et al. 2024, arXiv 2407.15831). None passes over nothing: a
            student that learns the teacher's scores is told by them what is relevant.
        excluded: rows that are never negatives, e.g. those that overlap the positive.
        draw: picks among the candidates at random; the hardest are taken without it.
    """
    order = list(teacher)
    rank = order.index(positive) + 1 if positive in teacher else 0
    if not 1 <= rank <= round_trip:
        return None
    limit = float("inf") if ceiling is None else teacher[positive] * ceiling
    candidates = [
        row for row in order[: depth + 1] if row != positive and row not in excluded and teacher[row] <= limit
    ]
    if draw is not None:
        candidates = draw.sample(candidates, min(count, len(candidates)))
    chosen = tuple(candidates[:count])
    return Mined(chosen, (teacher[positive], *(teacher[row] for row in chosen)), rank)
