"""Mining: scaled and fused rankings, the round trip, the ceiling, and rows that may never be negatives."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.generation.negatives import fused, mine, scaled


def ranking(*pairs: tuple[int, float], places: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rows, scores = np.full(places, -1, dtype=np.int64), np.full(places, -np.inf, dtype=np.float32)
    for place, (row, score) in enumerate(pairs):
        rows[place], scores[place] = row, score
    return rows, scores


TEACHER = {7: 1.0, 3: 0.97, 5: 0.9, 1: 0.5, 8: 0.4, 2: 0.1}


def test_scaled() -> None:
    assert scaled(*ranking((4, 30.0), (2, 20.0), (9, 10.0))) == {4: 1.0, 2: 0.5, 9: 0.0}
    assert scaled(*ranking((4, 3.0))) == {4: 1.0}
    assert scaled(*ranking((4, 3.0), (1, 3.0))) == {4: 1.0, 1: 1.0}
    assert scaled(*ranking()) == {}


def test_fused_is_the_mean_with_zero_for_what_a_ranking_lacks() -> None:
    found = fused([ranking((1, 9.0), (2, 5.0), (3, 1.0)), ranking((2, 2.0), (4, 1.0)), ranking()])
    assert found == pytest.approx({2: (0.5 + 1) / 3, 1: 1 / 3, 3: 0.0, 4: 0.0})
    assert list(found) == [2, 1, 3, 4], "best first, ties by row"
    assert fused([]) == {}


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20), st.floats(-5, 5, width=16)), max_size=6),
        min_size=1,
        max_size=3,
    )
)
def test_fused_stays_on_the_unit_interval_and_in_order(rankings: list[list[tuple[int, float]]]) -> None:
    made = []
    for pairs in rankings:
        unique = sorted(dict(pairs).items(), key=lambda pair: -pair[1])
        made.append(ranking(*unique))
    found = fused(made)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in found.values())
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert set(found) == {row for pairs in rankings for row, _ in pairs}


def test_negatives_are_the_hardest_below_the_ceiling() -> None:
    mined = mine(TEACHER, 7, count=3)
    assert mined is not None
    assert mined.negatives == (5, 1, 8), "3 scores 97% of the positive and may be relevant itself"
    assert mined.scores == (1.0, 0.9, 0.5, 0.4)
    assert mined.rank == 1


def test_the_ceiling_is_relative_to_the_positive_and_inclusive() -> None:
    mined = mine(TEACHER, 5, count=9, ceiling=0.5 / 0.9)
    assert mined is not None
    assert mined.rank == 3
    assert mined.negatives == (1, 8, 2), "what ranks above the positive is no negative"
    everything = mine(TEACHER, 7, count=9, ceiling=1.0)
    assert everything is not None
    assert everything.negatives == (3, 5, 1, 8, 2)


@pytest.mark.parametrize(("round_trip", "found"), [(3, False), (4, True), (10, True), (1, False)])
def test_the_round_trip(round_trip: int, found: bool) -> None:
    assert (mine(TEACHER, 1, count=2, round_trip=round_trip) is not None) is found


def test_a_positive_that_is_not_found_at_all() -> None:
    assert mine(TEACHER, 99, count=2) is None
    assert mine({}, 0, count=2) is None


def test_excluded_rows_and_the_positive_are_never_negatives() -> None:
    mined = mine(TEACHER, 7, count=9, excluded=frozenset({5, 8, 7}))
    assert mined is not None
    assert mined.negatives == (1, 2)
    assert mined.scores == (1.0, 0.5, 0.1)


def test_only_the_first_rows_are_candidates() -> None:
    mined = mine(TEACHER, 7, count=9, depth=3)
    assert mined is not None
    assert mined.negatives == (5, 1)
    fewer = mine({7: 1.0}, 7, count=4)
    assert fewer is not None
    assert (fewer.negatives, fewer.scores) == ((), (1.0,))


def test_a_positive_without_a_score_has_no_negative_above_it() -> None:
    mined = mine({4: 0.5, 7: 0.0, 8: 0.0}, 7, count=3)
    assert mined is not None
    assert mined.negatives == (8,)


def test_drawn_negatives_come_from_all_candidates_alike() -> None:
    seen: Counter[int] = Counter()
    for seed in range(600):
        mined = mine(TEACHER, 7, count=2, depth=4, ceiling=None, draw=random.Random(seed))
        assert mined is not None
        assert len(set(mined.negatives)) == 2
        assert mined.scores == (1.0, *(TEACHER[row] for row in mined.negatives))
        seen.update(mined.negatives)
    assert set(seen) == {3, 5, 1, 8}, "those below the depth and above no ceiling"
    assert all(250 < count < 350 for count in seen.values())
    few = mine(TEACHER, 7, count=9, draw=random.Random(1))
    assert few is not None
    assert sorted(few.negatives) == [1, 2, 5, 8]


def test_without_a_ceiling_a_negative_may_beat_the_positive() -> None:
    mined = mine(TEACHER, 5, count=9, ceiling=None)
    assert mined is not None
    assert mined.negatives == (7, 3, 1, 8, 2)
    assert mined.scores == (0.9, 1.0, 0.97, 0.5, 0.4, 0.1)
