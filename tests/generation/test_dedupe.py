"""Copies are found, and a split never puts one group on both sides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.generation.dedupe import COPIED_WORDS, copies, query_key, split_groups

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
