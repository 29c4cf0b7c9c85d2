"""Overlap of rankings: by hand, and what it does not depend on."""

from __future__ import annotations

import numpy as np
import pytest

from splade_cli.records import Ranking
from splade_cli.search.ranking.overlap import overlaps


def ranking(*lists: str) -> Ranking:
    """A ranking a query, an id a letter."""
    return Ranking(list(map(list, lists)), [np.zeros(len(ids), np.float32) for ids in lists])


def test_the_mean_over_pairs_of_what_the_first_ids_share() -> None:
    one, other, third = ranking("abcd", "ab", ""), ranking("badx", "xy", ""), ranking("abyz", "a", "")
    assert overlaps([one, other], 4) == [0.75, 0.0, 1.0]
    assert overlaps([one, other], 2) == [1.0, 0.0, 1.0]
    assert overlaps([one, other, third], 4) == pytest.approx([(3 + 2 + 2) / 12, (0 + 0.5 + 0) / 3, 1])
    assert overlaps([other, one], 3) == overlaps([one, other], 3)


def test_one_ranking_shares_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to share"):
        overlaps([ranking("ab")])
