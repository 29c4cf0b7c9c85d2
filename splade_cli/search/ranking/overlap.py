"""Overlap of rankings at a depth: how many of their first ids several rankings of one query share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from splade_cli.records import Ranking

DEPTH = 20


def overlaps(rankings: Sequence[Ranking], depth: int = DEPTH) -> list[float]:
    """For each query the share of its first `depth` ids that two rankings have in common, the mean over all
    pairs of rankings. A shorter list counts by the longer one of its pair; two empty ones share all.

    Raises:
        ValueError: fewer than two rankings.
    """
    if len(rankings) < 2:
        raise ValueError("one ranking has nothing to share")
    shares = []
    for lists in zip(*(ranking.ids for ranking in rankings), strict=True):
        pairs = list(combinations([frozenset(ids[:depth]) for ids in lists], 2))
        shares.append(sum(_shared(one, other) for one, other in pairs) / len(pairs))
    return shares


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    if not one and not other:
        return 1.0
    return len(one & other) / max(len(one), len(other))
