"""Rank fusion: several rankings of the same texts into one, by reciprocal ranks or by weighted scores.

Ties go to the text that stands in the earlier ranking, and within one ranking to the one that stands higher.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.records import Ranking

Table = tuple[list[str], NDArray[np.float64]]
"""Ids of one query, and their scores [ids, rankings]."""
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
    tables = [aligned(reciprocal, query) for query in _queries(rankings)]
    return _summed(tables, np.ones(len(rankings)), k)


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
    counted = [rankings[number] for number in used]
    return _summed([scaled(counted, query) for query in _queries(rankings)], shares[used], k)


def aligned(rankings: Sequence[Ranking], query: int) -> Table:
    """The ids that any ranking has for one query, in the order of the rankings, and scores [ids, rankings].

    A score is 0 where a ranking lacks the id.
    """
    return _table([ranking.ids[query] for ranking in rankings], [one.scores[query] for one in rankings])


def scaled(rankings: Sequence[Ranking], query: int) -> Table:
    """As `aligned`, scores on [0, 1] in each ranking: (score - smallest) / (largest - smallest).

    Where all scores of a ranking are equal they are 1.
    """
    scores = [_min_max(ranking.scores[query]) for ranking in rankings]
    return _table([ranking.ids[query] for ranking in rankings], scores)


def _queries(rankings: Sequence[Ranking]) -> range:
    """The numbers of the queries that are ranked."""
    return range(len(rankings[0].ids) if rankings else 0)


def _table(ids: Sequence[Sequence[str]], scores: Sequence[NDArray[np.floating]]) -> Table:
    positions: dict[str, int] = {}
    for listed in ids:
        for each in listed:
            positions.setdefault(each, len(positions))
    table = np.zeros((len(positions), len(ids)))
    for number, listed in enumerate(ids):
        table[[positions[each] for each in listed], number] = scores[number]
    return list(positions), table


def _summed(tables: Sequence[Table], weights: NDArray[np.float64], k: int) -> Ranking:
    require_positive(k=k)
    ids = []
    scores = []
    for names, table in tables:
        # rounded before they are compared, so that ids of equal float32 scores fall back on their order
        sums = (table @ weights).astype(np.float32)
        order = np.argsort(-sums, kind="stable")[:k]
        ids.append([names[position] for position in order])
        scores.append(sums[order])
    return Ranking(ids, scores)


def _reciprocal_ranks(count: int, constant: int) -> NDArray[np.float32]:
    return np.asarray(1 / (constant + 1 + np.arange(count)), dtype=np.float32)


def _min_max(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = scores.astype(np.float64)
    if not len(wide):
        return wide
    low = wide.min()
    high = wide.max()
    if high == low:
        return np.ones(len(wide))
    return np.asarray((wide - low) / (high - low))
