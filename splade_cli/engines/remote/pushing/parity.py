"""Parity: whether a remote engine finds what exact search of the index finds, and at the same scores.

Sets with ties are compared, not lists: a text counts as found where its exact score is one that the first `k`
of the exact ranking reach, up to the rounding of the engine's weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.base import Engine
from splade_cli.index.index import SpladeIndex

TOP = 10
EPSILON = 1e-6


@dataclass(frozen=True)
class Parity:
    """How a remote engine stands to exact search.

    Attributes:
        queries: that have a hit in the exact ranking.
        k: hits that are looked at.
        recall: mean share of the first `k` that were found, ties allowed for.
        score_difference: the largest difference between a score and the exact one, as a share of that.
        milliseconds: that the remote engine took for a query, from here.
        worst: numbers of the queries with the lowest recall, below 1, at most five.
    """

    queries: int
    k: int
    recall: float
    score_difference: float
    milliseconds: float
    worst: tuple[int, ...] = ()


def parity(
    index: SpladeIndex, exact: Engine, remote: Engine, queries: sp.csr_matrix, tolerance: float, k: int = TOP
) -> Parity:
    """Compares the first `k` of both engines for each query.

    Args:
        index: whose vectors give the exact score of what the remote engine found.
        queries: CSR [q, V].
        tolerance: by which share of a score the engine's may be off.
    """
    wanted = exact.search(queries, k)
    start = time.perf_counter()
    found = remote.search(queries, k)
    milliseconds = 1000 * (time.perf_counter() - start) / max(1, queries.shape[0])
    recalls = []
    numbers = []
    difference = 0.0
    for number, (scores, ids, others) in enumerate(zip(wanted.scores, found.ids, found.scores, strict=True)):
        if not len(scores):
            continue
        vectors = index.vectors_of(ids)
        true = np.asarray(vectors.dot(queries[number].T).todense()).ravel()
        least = float(scores[-1])
        reached = true >= least - (tolerance + EPSILON) * abs(least)
        distinct = len({name for name, is_there in zip(ids, reached, strict=True) if is_there})
        recalls.append(min(1.0, distinct / len(scores)))
        numbers.append(number)
        if len(true):
            shares = np.abs(np.asarray(others, dtype=np.float64) - true) / np.maximum(np.abs(true), EPSILON)
            difference = max(difference, float(shares.max()))
    order = sorted(range(len(recalls)), key=lambda place: recalls[place])
    worst = tuple(numbers[place] for place in order[:5] if recalls[place] < 1)
    mean = float(np.mean(recalls)) if recalls else 1.0
    return Parity(len(recalls), k, mean, difference, milliseconds, worst)
