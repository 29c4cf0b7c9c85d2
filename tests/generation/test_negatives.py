"""Mining: the round trip, the ceiling, and rows that may never be negatives."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from splade_cli.generation.negatives import Mined, MiningRules, mine, mine_judged

RULES = {"count", "depth", "round_trip", "ceiling"}
TEACHER = {"7": 1.0, "3": 0.97, "5": 0.9, "1": 0.5, "8": 0.4, "2": 0.1}


def mined_from(positive: str, teacher: Mapping[str, float] = TEACHER, **options: Any) -> Mined:
    """What `mine` gives, where it gives something; options are those of its rules, and its own."""
    rules = MiningRules(**{name: options.pop(name) for name in RULES & options.keys()})
    mined = mine(teacher, positive, rules, **options)
    assert mined is not None
    assert mined.positive == positive
    return mined


def test_negatives_are_the_hardest_below_the_ceiling() -> None:
    mined = mined_from("7", count=3)
    assert mined.negatives == ("5", "1", "8"), "3 scores 97% of the positive and may be relevant itself"
    assert mined.scores == (1.0, 0.9, 0.5, 0.4)
    assert mined.rank == 1


def test_the_ceiling_is_relative_to_the_positive_and_inclusive() -> None:
    mined = mined_from("5", count=9, ceiling=0.5 / 0.9)
    assert mined.rank == 3
    assert mined.negatives == ("1", "8", "2"), "what ranks above the positive is no negative"
    assert mined_from("7", count=9, ceiling=1.0).negatives == ("3", "5", "1", "8", "2")


@pytest.mark.parametrize(
    ("round_trip", "found"), [(3, False), (4, True), (10, True), (1, False), (None, True)]
)
def test_the_round_trip(round_trip: int | None, found: bool) -> None:
    assert (mine(TEACHER, "1", MiningRules(2, round_trip=round_trip)) is not None) is found


def test_a_positive_that_is_not_found_at_all() -> None:
    assert mine(TEACHER, "99", MiningRules(2, round_trip=100)) is None
    assert mine({}, "0", MiningRules(2, round_trip=100)) is None
    kept = mine(TEACHER, "99", MiningRules(2, ceiling=None))
    assert kept is not None
    assert (kept.rank, kept.scores[0], len(kept.negatives)) == (0, 0.0, 2)


def test_excluded_chunks_and_the_positive_are_never_negatives() -> None:
    mined = mined_from("7", count=9, excluded={"5", "8", "7"})
    assert mined.negatives == ("1", "2")
    assert mined.scores == (1.0, 0.5, 0.1)


def test_only_the_first_are_candidates() -> None:
    assert mined_from("7", count=9, depth=3).negatives == ("5", "1")
    alone = mined_from("7", {"7": 1.0}, count=4)
    assert (alone.negatives, alone.scores) == ((), (1.0,))


def test_a_positive_without_a_score_has_no_negative_above_it() -> None:
    assert mined_from("7", {"4": 0.5, "7": 0.0, "8": 0.0}, count=3).negatives == ("8",)


def test_drawn_negatives_come_from_all_candidates_alike() -> None:
    seen: Counter[str] = Counter()
    for seed in range(600):
        mined = mined_from("7", count=2, depth=4, ceiling=None, draw=random.Random(seed))
        assert len(set(mined.negatives)) == 2
        assert mined.scores == (1.0, *(TEACHER[chunk_id] for chunk_id in mined.negatives))
        seen.update(mined.negatives)
    assert set(seen) == {"3", "5", "1", "8"}, "those below the depth and above no ceiling"
    assert all(250 < count < 350 for count in seen.values())
    few = mined_from("7", count=9, draw=random.Random(1))
    assert sorted(few.negatives) == ["1", "2", "5", "8"]


def test_without_a_ceiling_a_negative_may_beat_the_positive() -> None:
    mined = mined_from("5", count=9, ceiling=None)
    assert mined.negatives == ("7", "3", "1", "8", "2")
    assert mined.scores == (0.9, 1.0, 0.97, 0.5, 0.4, 0.1)


def obvious(
    teacher: dict[str, float], positive: str, excluded: set[str], irrelevant: set[str], rules: MiningRules
) -> list[str]:
    """Candidates beside a judged positive the slow way, hardest first."""
    assert rules.ceiling is not None
    allowed = []
    for chunk_id, score in sorted(teacher.items(), key=lambda pair: -pair[1]):
        if chunk_id == positive or chunk_id in excluded:
            continue
        if chunk_id in irrelevant or score <= rules.ceiling * teacher.get(positive, 0):
            allowed.append(chunk_id)
    allowed = allowed[: rules.depth]
    for chunk_id, _ in sorted(teacher.items(), key=lambda pair: pair[1]):
        if len(allowed) < rules.count and chunk_id not in {positive, *excluded, *allowed}:
            allowed.append(chunk_id)
    return allowed[: rules.count]


@pytest.mark.parametrize("seed", range(30))
def test_mining_beside_a_judged_positive_against_the_obvious_way(seed: int) -> None:
    draw = random.Random(seed)
    scores = sorted((draw.random() for _ in range(30)), reverse=True)
    teacher = dict(zip(map(str, draw.sample(range(60), 30)), scores, strict=True))
    positive = str(draw.randrange(60))
    excluded, irrelevant = ({str(draw.randrange(60)) for _ in range(6)} for _ in range(2))
    rules = MiningRules(5, depth=8)
    mined = mine_judged(teacher, positive, rules, excluded=excluded, irrelevant=irrelevant - excluded)
    assert list(mined.negatives) == obvious(teacher, positive, excluded, irrelevant - excluded, rules)
    assert mined.scores[1:] == tuple(teacher[chunk_id] for chunk_id in mined.negatives)
    assert mined.scores[0] == max([teacher.get(positive, 0.0), *mined.scores[1:]])
    assert mined.rank == ([*teacher].index(positive) + 1 if positive in teacher else 0)
    drawn = mine_judged(teacher, positive, rules, excluded=excluded, draw=random.Random(1))
    assert len(set(drawn.negatives)) == 5
    assert not set(drawn.negatives) & {positive, *excluded}
