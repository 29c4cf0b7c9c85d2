"""Fusion against sums over dictionaries; ties, holes, weights."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.index.engine.ranking import Ranking, aligned, best, normalised, rrf, weighted


def ranking(*lists: list[tuple[int, float]], width: int | None = None) -> Ranking:
    """Rankings from (row, score) pairs, filled up with -1 and -inf."""
    size = width if width is not None else max(map(len, lists))
    rows = np.full((len(lists), size), -1, dtype=np.int64)
    scores = np.full((len(lists), size), -np.inf, dtype=np.float32)
    for place, pairs in enumerate(lists):
        for position, (row, score) in enumerate(pairs):
            rows[place, position], scores[place, position] = row, score
    return rows, scores


def pairs(found: Ranking, query: int = 0) -> list[tuple[int, float]]:
    rows, scores = found[0][query], found[1][query]
    assert (np.isneginf(scores) == (rows < 0)).all()
    return [(int(row), float(score)) for row, score in zip(rows, scores, strict=True) if row >= 0]


def random_lists(seed: int, queries: int = 4, rows: int = 40) -> list[Ranking]:
    generator = np.random.default_rng(seed)
    lists = []
    for length in (25, 13, 1):
        chosen = [generator.permutation(rows)[: generator.integers(0, length + 1)] for _ in range(queries)]
        scored = [
            sorted(((int(row), float(generator.normal())) for row in line), key=lambda p: -p[1])
            for line in chosen
        ]
        lists.append(ranking(*scored, width=length))
    return lists


def slowly(scores: dict[int, float], k: int) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda pair: (-np.float32(pair[1]), pair[0]))[:k]


@pytest.mark.parametrize("seed", range(8))
def test_rrf_against_sums_of_reciprocals(seed: int) -> None:
    lists = random_lists(seed)
    found = rrf(lists, 12)
    for query in range(4):
        sums: dict[int, float] = defaultdict(float)
        for one in lists:
            for rank, (row, _) in enumerate(pairs(one, query), 1):
                sums[row] += 1 / (60 + rank)
        expected = slowly(sums, 12)
        assert [row for row, _ in pairs(found, query)] == [row for row, _ in expected]
        assert [score for _, score in pairs(found, query)] == pytest.approx([score for _, score in expected])


@pytest.mark.parametrize("seed", range(8))
def test_weighted_against_dictionaries(seed: int) -> None:
    lists, weights = random_lists(seed), (0.25, 0.5, 0.25)
    found = weighted(lists, weights, 50)
    for query in range(4):
        sums: dict[int, float] = defaultdict(float)
        for one, weight in zip(lists, weights, strict=True):
            scores = [score for _, score in pairs(one, query)]
            for row, score in pairs(one, query):
                low, high = min(scores), max(scores)
                sums[row] += weight * ((score - low) / (high - low) if high > low else 1.0)
        assert dict(pairs(found, query)) == pytest.approx(dict(sums), abs=1e-6)
        assert [score for _, score in pairs(found, query)] == sorted(
            sums.values(), reverse=True
        ) or np.allclose(
            [score for _, score in pairs(found, query)], sorted(sums.values(), reverse=True), atol=1e-6
        )


def test_ranks_not_scores_decide_rrf() -> None:
    one, other = ranking([(7, 100.0), (3, 0.1)]), ranking([(3, -5.0), (7, -5.1)])
    found = pairs(rrf([one, other], 5))
    assert [row for row, _ in found] == [3, 7], "equal sums by row"
    assert found[0][1] == pytest.approx(1 / 61 + 1 / 62)
    assert pairs(rrf([one], 1, constant=0)) == [(7, 1.0)]


def test_a_missing_row_counts_as_the_last_of_a_list() -> None:
    one, other = ranking([(1, 10.0), (2, 6.0), (3, 2.0)]), ranking([(4, 1.0), (2, 0.5), (9, 0.0)])
    assert pairs(weighted([one, other], (0.5, 0.5), 10)) == [(1, 0.5), (2, 0.5), (4, 0.5), (3, 0.0), (9, 0.0)]


def test_a_list_of_weight_zero_brings_nothing() -> None:
    one, other = ranking([(1, 2.0), (2, 1.0)]), ranking([(5, 9.0), (1, 1.0)])
    assert pairs(weighted([one, other], (1, 0), 10)) == [(1, 1.0), (2, 0.0)]
    alone = pairs(weighted([one, other], (0, 2), 10))
    assert [row for row, _ in alone] == [5, 1], "a single system's order stays"


def test_equal_scores_are_all_the_best() -> None:
    assert pairs(normalised(ranking([(4, 3.0), (8, 3.0)]))) == [(4, 1.0), (8, 1.0)]
    assert pairs(normalised(ranking([(4, 3.0)], width=3))) == [(4, 1.0)]
    assert pairs(normalised(ranking([], width=2))) == []
    assert normalised(ranking([], width=0))[0].shape == (1, 0)


@pytest.mark.parametrize("weights", [(1.0,), (0, 0), (1, -1), (np.nan, 1), ()])
def test_weights_that_cannot_be(weights: tuple[float, ...]) -> None:
    one = ranking([(1, 2.0)])
    with pytest.raises(InputError, match="fusion weights"):
        weighted([one, one], weights, 3)
    with pytest.raises(InputError, match="--k must be above 0"):
        rrf([one], 0)


def test_aligned() -> None:
    rows, table = aligned([ranking([(9, 1.0), (2, 0.5)]), ranking([(4, 3.0)], width=5)], 0)
    assert rows.tolist() == [2, 4, 9]
    assert table.tolist() == [[0.5, 0.0], [0.0, 3.0], [1.0, 0.0]]
    assert aligned([], 0)[0].tolist() == []


def test_best_of_segments() -> None:
    one, other = ranking([(1, 5.0), (0, 1.0)], [(0, 2.0)]), ranking([(7, 5.0), (9, 2.0)], [])
    found = best([other, one], 3)
    assert pairs(found) == [(1, 5.0), (7, 5.0), (9, 2.0)], "ties by row, not by list"
    assert pairs(found, 1) == [(0, 2.0)]
    assert found[0].shape == (2, 3)
    rows, scores = best([], 2, 3)
    assert (rows == -1).all()
    assert np.isneginf(scores).all()
    assert (rows.shape, rows.dtype, scores.dtype) == ((3, 2), np.int64, np.float32)
