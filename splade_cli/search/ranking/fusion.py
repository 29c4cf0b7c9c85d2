"""Rank fusion: several rankings of the same texts into one, by reciprocal ranks or by weighted scores.

Ties go to the text that stands in the earlier ranking, and within one ranking to the one that stands higher.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.records import Ranking

RRF_CONSTANT = 60
DEPTH = 100
"""Texts of each ranking that are fused. Where a ranking ends decides what its scores are worth, so whoever
fits weights and whoever searches with them must end it alike."""


def rrf(rankings: Sequence[Ranking], k: int, *, constant: int = RRF_CONSTANT) -> Ranking:
    """Reciprocal rank fusion: the sum of ``1 / (constant + rank)``, rank from 1 [Cormack et al. 2009].

    Scores play no part, so they need no common scale.
    """
    reciprocal = []
    for ranking in rankings:
        scores = [_reciprocal_ranks(len(ids), constant) for ids in ranking.ids]
        reciprocal.append(Ranking(ranking.ids, scores))
    return _summed(reciprocal, np.ones(len(rankings)), k)


def weighted(rankings: Sequence[Ranking], weights: Sequence[float], k: int) -> Ranking:
    """The weighted sum of scores that are brought to [0, 1] within each query and ranking.

    The best text of a ranking gets 1, its last one 0, and a text that is missing from it 0 as well. A ranking
    of weight 0 adds no texts.

    Raises:
        InputError: weights that are negative, all 0, or not one a ranking.
    """
    shares = np.asarray(weights, dtype=np.float64)
    usable = len(shares) == len(rankings) and np.isfinite(shares).all() and (shares >= 0).all()
    if not usable or not shares.any():
        named = ", ".join(f"{weight:g}" for weight in weights)
        raise InputError(
            f"fusion weights {named or 'of no ranking'}", f"{len(rankings)} weights, none below 0, one above"
        )
    used = np.flatnonzero(shares).tolist()
    return _summed([normalised(rankings[number]) for number in used], shares[used], k)


def normalised(ranking: Ranking) -> Ranking:
    """Scores of each query to [0, 1]: (score - smallest) / (largest - smallest); 1 where all are equal."""
    return Ranking(ranking.ids, [_min_max(scores) for scores in ranking.scores])


def aligned(rankings: Sequence[Ranking], query: int) -> tuple[list[str], NDArray[np.float64]]:
    """The ids that any ranking has for one query, in the order of the rankings, and scores [ids, rankings].

    A score is 0 where a ranking lacks the id.
    """
    positions: dict[str, int] = {}
    for ranking in rankings:
        for each in ranking.ids[query]:
            positions.setdefault(each, len(positions))
    table = np.zeros((len(positions), len(rankings)))
    for number, ranking in enumerate(rankings):
        table[[positions[each] for each in ranking.ids[query]], number] = ranking.scores[query]
    return list(positions), table


def _summed(rankings: Sequence[Ranking], weights: NDArray[np.float64], k: int) -> Ranking:
    require_positive(k=k)
    ids = []
    scores = []
    for query in range(len(rankings[0].ids) if rankings else 0):
        names, table = aligned(rankings, query)
        # rounded before they are compared, so that ids of equal float32 scores fall back on their order
        sums = (table @ weights).astype(np.float32)
        order = np.argsort(-sums, kind="stable")[:k]
        ids.append([names[position] for position in order])
        scores.append(sums[order])
    return Ranking(ids, scores)


def _reciprocal_ranks(count: int, constant: int) -> NDArray[np.float32]:
    return np.asarray(1 / (constant + 1 + np.arange(count)), dtype=np.float32)


def _min_max(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(scores):
        return scores
    low = scores.min()
    high = scores.max()
    if high == low:
        return np.ones(len(scores), dtype=np.float32)
    return np.asarray((scores - low) / (high - low), dtype=np.float32)
