"""Fusion against sums over dictionaries; ties, gaps, weights."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.records import Ranking
from splade_cli.search.ranking.fusion import aligned, normalised, rrf, weighted

Pairs = list[tuple[str, float]]


def ranking(*lists: Pairs) -> Ranking:
    """Rankings from (id, score) pairs."""
    ids = [[name for name, _ in pairs] for pairs in lists]
    return Ranking(ids, [np.array([score for _, score in pairs], dtype=np.float32) for pairs in lists])


def pairs(ranked: Ranking, query: int = 0) -> Pairs:
    return list(zip(ranked.ids[query], ranked.scores[query].tolist(), strict=True))


def random_lists(seed: int, queries: int = 4, texts: int = 40) -> list[Ranking]:
    generator = np.random.default_rng(seed)
    lists = []
    for length in (25, 13, 1):
        chosen = [generator.permutation(texts)[: generator.integers(0, length + 1)] for _ in range(queries)]
        scored = [
            sorted(((f"t{row}", float(generator.normal())) for row in line), key=lambda pair: -pair[1])
            for line in chosen
        ]
        lists.append(ranking(*scored))
    return lists


def slowly(scores: dict[str, float], k: int) -> Pairs:
    """A dictionary keeps the order in which ids were met, and a sort keeps that of equal scores."""
    return sorted(scores.items(), key=lambda pair: -np.float32(pair[1]))[:k]


@pytest.mark.parametrize("seed", range(8))
def test_rrf_against_sums_of_reciprocals(seed: int) -> None:
    lists = random_lists(seed)
    fused = rrf(lists, 12)
    for query in range(4):
        sums: dict[str, float] = defaultdict(float)
        for one in lists:
            for rank, (name, _) in enumerate(pairs(one, query), 1):
                sums[name] += 1 / (60 + rank)
        expected = slowly(sums, 12)
        assert fused.ids[query] == [name for name, _ in expected]
        assert fused.scores[query].tolist() == pytest.approx([score for _, score in expected])


@pytest.mark.parametrize("seed", range(8))
def test_weighted_against_dictionaries(seed: int) -> None:
    lists = random_lists(seed)
    weights = (0.25, 0.5, 0.25)
    fused = weighted(lists, weights, 50)
    for query in range(4):
        sums: dict[str, float] = defaultdict(float)
        for one, weight in zip(lists, weights, strict=True):
            scores = [score for _, score in pairs(one, query)]
            for name, score in pairs(one, query):
                low, high = min(scores), max(scores)
                sums[name] += weight * ((score - low) / (high - low) if high > low else 1.0)
        assert dict(pairs(fused, query)) == pytest.approx(dict(sums), abs=1e-6)
        assert np.all(np.diff(fused.scores[query]) <= 0)
        assert fused.scores[query].tolist() == pytest.approx(sorted(sums.values(), reverse=True), abs=1e-6)


def test_ranks_not_scores_decide_rrf() -> None:
    one, other = ranking([("g", 100.0), ("c", 0.1)]), ranking([("c", -5.0), ("g", -5.1)])
    fused = pairs(rrf([one, other], 5))
    assert [name for name, _ in fused] == ["g", "c"], "equal sums in the order of the first ranking"
    assert [name for name, _ in pairs(rrf([other, one], 5))] == ["c", "g"]
    assert fused[0][1] == pytest.approx(1 / 61 + 1 / 62)
    assert pairs(rrf([one], 1, constant=0)) == [("g", 1.0)]


def test_a_missing_text_counts_as_the_last_of_a_ranking() -> None:
    one = ranking([("a", 10.0), ("b", 6.0), ("c", 2.0)])
    other = ranking([("d", 1.0), ("b", 0.5), ("e", 0.0)])
    fused = pairs(weighted([one, other], (0.5, 0.5), 10))
    assert fused == [("a", 0.5), ("b", 0.5), ("d", 0.5), ("c", 0.0), ("e", 0.0)]


def test_a_ranking_of_weight_zero_brings_nothing() -> None:
    one, other = ranking([("a", 2.0), ("b", 1.0)]), ranking([("e", 9.0), ("a", 1.0)])
    assert pairs(weighted([one, other], (1, 0), 10)) == [("a", 1.0), ("b", 0.0)]
    alone = pairs(weighted([one, other], (0, 2), 10))
    assert [name for name, _ in alone] == ["e", "a"], "a single system's order stays"


def test_equal_scores_are_all_the_best() -> None:
    assert pairs(normalised(ranking([("d", 3.0), ("h", 3.0)]))) == [("d", 1.0), ("h", 1.0)]
    assert pairs(normalised(ranking([("d", 3.0)]))) == [("d", 1.0)]
    assert pairs(normalised(ranking([]))) == []


@pytest.mark.parametrize("weights", [(1.0,), (0, 0), (1, -1), (np.nan, 1), ()])
def test_weights_that_cannot_be(weights: tuple[float, ...]) -> None:
    one = ranking([("a", 2.0)])
    with pytest.raises(InputError, match="fusion weights"):
        weighted([one, one], weights, 3)
    with pytest.raises(InputError, match="k must be above 0"):
        rrf([one], 0)


def test_aligned() -> None:
    ids, table = aligned([ranking([("i", 1.0), ("b", 0.5)]), ranking([("d", 3.0), ("b", 2.0)])], 0)
    assert ids == ["i", "b", "d"]
    assert table.tolist() == [[1.0, 0.0], [0.5, 2.0], [0.0, 3.0]]
    assert aligned([], 0)[0] == []
