"""Fusion against sums over dictionaries; ties, gaps, weights."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.errors import InputError
from splade_cli.records import Ranking
from splade_cli.search.ranking.fusion import aligned, rrf, scaled, weighted

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


def on_scale(*rankings: Pairs) -> dict[str, list[float]]:
    """Scaled scores by id."""
    ids, table = scaled([ranking(one) for one in rankings], 0)
    return dict(zip(ids, table.tolist(), strict=True))


def test_scaled() -> None:
    assert on_scale([("e", 30.0), ("c", 20.0), ("i", 10.0)], [("c", 5.0), ("e", 4.0)]) == {
        "e": [1.0, 0.0],
        "c": [0.5, 1.0],
        "i": [0.0, 0.0],
    }
    assert on_scale([("d", 3.0), ("h", 3.0)], [("d", 3.0)], []) == {
        "d": [1.0, 1.0, 0.0],
        "h": [1.0, 0.0, 0.0],
    }
    assert on_scale([]) == {}


SCORES = st.dictionaries(st.sampled_from("abcdefghij"), st.floats(-5, 5, width=16), max_size=6)


@given(st.lists(SCORES, min_size=1, max_size=3))
def test_scaled_stays_on_the_unit_interval_and_in_order(scores: list[dict[str, float]]) -> None:
    lists = [sorted(one.items(), key=lambda pair: -pair[1]) for one in scores]
    found = on_scale(*lists)
    assert set(found) == {name for one in scores for name in one}
    for number, pairs_of_one in enumerate(lists):
        column = [found[name][number] for name, _ in pairs_of_one]
        assert column == sorted(column, reverse=True)
        assert all(0 <= value <= 1 for value in column)


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
