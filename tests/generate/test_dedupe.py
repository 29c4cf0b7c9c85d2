"""Copies and near-duplicates are found, and a split never puts one group on both sides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.generate.dedupe import (
    COPIED_WORDS,
    _signatures,
    copies,
    duplicate_groups,
    query_key,
    split_groups,
)

WORDS = [f"word{number}" for number in range(400)]


def prose(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def test_copies_looks_through_case_and_punctuation() -> None:
    words = [f"word{number}" for number in range(COPIED_WORDS)]
    text = f"Intro. {', '.join(words).title()}! End."
    assert copies(" -- ".join(words), text)
    assert not copies(" ".join([*words[:-1], "other"]), text)
    assert not copies(" ".join(words[::-1]), text)
    assert not copies(" ".join(words[1:]), text), "short quotations are what people type"
    assert not copies("", text)


def test_copies_does_not_match_inside_words() -> None:
    words = [f"word{number}" for number in range(COPIED_WORDS)]
    assert copies(" ".join(words), " ".join(words))
    assert not copies(" ".join(["art", *words]), " ".join(["start", *words]))
    assert not copies(" ".join([*words, "sta"]), " ".join([*words, "start"]))


def test_query_key() -> None:
    assert query_key("How to RESET, a password?") == query_key("a password reset: how to")
    assert query_key("reset password") != query_key("reset passwords")
    assert query_key("a a b") != query_key("a b")


def test_near_duplicates_share_a_group_and_others_do_not() -> None:
    original = prose(1)
    words = original.split()
    changed = " ".join([*words[:60], "another", *words[61:]])
    groups = duplicate_groups(
        [original, prose(2), original.upper().replace(" ", ",  "), changed, prose(3), original]
    )
    assert groups[0] == groups[2] == groups[3] == groups[5]
    assert len({groups[0], groups[1], groups[4]}) == 3


def test_duplicates_join_transitively() -> None:
    """Each differs from the next by a little, the first from the last by much."""
    words = prose(7, 300).split()
    steps = []
    for number in range(8):
        steps.append(" ".join(words))
        words[number * 30 : number * 30 + 12] = [f"new{number}x{place}" for place in range(12)]
    assert len(set(duplicate_groups(steps))) == 1
    assert len(set(duplicate_groups([steps[0], steps[-1]]))) == 2


@pytest.mark.parametrize("common", [40, 70, 95])
def test_signatures_estimate_the_jaccard_similarity(common: int) -> None:
    """64 independent permutations err by sqrt(J(1 - J) / 64); hash functions that move together err by far more."""
    errors = []
    for seed in range(60):
        generator = random.Random(seed)
        sizes = (common, 100 - common, 100 - common)
        both, left, right = ([f"w{generator.random()}" for _ in range(size)] for size in sizes)
        signatures = _signatures([" ".join(both + left), " ".join(both + right)], 1)
        errors.append(float((signatures[0] == signatures[1]).mean()) - common / (200 - common))
    similarity = common / (200 - common)
    ideal = (similarity * (1 - similarity) / 64) ** 0.5
    assert abs(sum(errors) / 60) < ideal
    assert (sum(error**2 for error in errors) / 60) ** 0.5 < 1.5 * ideal


def test_short_and_empty_texts() -> None:
    groups = duplicate_groups(["", "", "one", "one", "two words", "!!!"])
    assert groups[2] == groups[3]
    assert len({groups[2], groups[4]}) == 2
    assert not {groups[0], groups[1], groups[5]} & {groups[2], groups[4]}
    assert duplicate_groups([]) == []


def test_half_the_text_in_common_is_no_duplicate() -> None:
    shared = prose(1, 60)
    groups = duplicate_groups([f"{shared} {prose(seed, 60)}" for seed in range(2, 12)])
    assert len(set(groups)) == 10


@given(st.lists(st.integers(0, 12), max_size=60), st.floats(0, 0.99), st.integers(0, 1000))
def test_a_split_never_leaks(groups: list[int], share: float, seed: int) -> None:
    chosen = split_groups(groups, share, seed)
    assert len(chosen) == len(groups)
    sides: dict[int, set[bool]] = {}
    for group, side in zip(groups, chosen, strict=True):
        sides.setdefault(group, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    assert chosen == split_groups(groups, share, seed)
    if share == 0:
        assert not any(chosen)
    elif len(set(groups)) >= 2:
        assert any(chosen)
        assert not all(chosen)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_about_the_share_that_was_asked_for(share: float) -> None:
    for seed in range(20):
        chosen = split_groups(list(range(200)), share, seed)
        assert sum(chosen) == pytest.approx(200 * share, abs=1)


def test_a_giant_group_does_not_swallow_the_training_side() -> None:
    groups = [0] * 90 + list(range(1, 11))
    taken = [sum(split_groups(groups, 0.1, seed)) for seed in range(50)]
    assert sum(count <= 20 for count in taken) >= 40


def test_the_seed_decides() -> None:
    assert len({tuple(split_groups(list(range(40)), 0.25, seed)) for seed in range(10)}) == 10


def test_duplicates_end_on_one_side() -> None:
    texts = [prose(seed) for seed in range(10)]
    doubled = [*texts, *(f"{text} tail" for text in texts)]
    chosen = split_groups(duplicate_groups(doubled), 0.3, 5)
    assert chosen[:10] == chosen[10:]
    assert 0 < sum(chosen) < 20
