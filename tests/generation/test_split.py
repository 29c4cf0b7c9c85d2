"""A split never puts one group of near-duplicates on both sides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.datasets.splits import SplitRatio
from splade_cli.generation.split import split_documents_by_group, split_groups
from splade_cli.records import Document

WORDS = [f"word{number}" for number in range(400)]


def prose(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def ratio(val: float, test: float = 0.0) -> SplitRatio:
    return (1 - val - test, val, test)


SHARE = st.just(0.0) | st.floats(0.01, 0.49)


@given(st.lists(st.integers(0, 12), max_size=60), SHARE, SHARE, st.integers(0, 1000))
def test_a_split_never_leaks(groups: list[int], val: float, test: float, seed: int) -> None:
    chosen = split_groups(groups, ratio(val, test), seed)
    assert len(chosen) == len(groups)
    sides: dict[int, set[str]] = {}
    for group, side in zip(groups, chosen, strict=True):
        sides.setdefault(group, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    assert chosen == split_groups(groups, ratio(val, test), seed)
    assert ("val" in chosen) == (val > 0 and len(set(groups)) >= 2)
    left = {group for group, side in zip(groups, chosen, strict=True) if side != "val"}
    assert ("test" in chosen) == (test > 0 and len(left) >= 2)
    assert not groups or "train" in chosen


@given(st.lists(st.integers(0, 30), min_size=4, max_size=60), st.integers(0, 1000))
def test_a_test_side_leaves_validation_as_it_is(groups: list[int], seed: int) -> None:
    two = split_groups(groups, ratio(0.2), seed)
    three = split_groups(groups, ratio(0.2, 0.3), seed)
    for before, after in zip(two, three, strict=True):
        assert (before == "val") == (after == "val")


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_about_the_share_that_was_asked_for(share: float) -> None:
    for seed in range(20):
        chosen = split_groups(list(range(200)), ratio(share, 0.25), seed)
        assert chosen.count("val") == pytest.approx(200 * share, abs=1)
        assert chosen.count("test") == pytest.approx(200 * 0.25, abs=1)


def test_a_giant_group_does_not_swallow_the_training_side() -> None:
    groups = [0] * 90 + list(range(1, 11))
    taken = [split_groups(groups, ratio(0.1), seed).count("val") for seed in range(50)]
    assert sum(count <= 20 for count in taken) >= 40


def test_the_seed_decides() -> None:
    assert len({tuple(split_groups(list(range(40)), ratio(0.25), seed)) for seed in range(10)}) == 10


def test_duplicates_end_on_one_side() -> None:
    texts = [prose(seed) for seed in range(10)]
    doubled = [*texts, *(f"{text} tail" for text in texts)]
    chosen = split_groups(duplicate_groups(doubled), ratio(0.3, 0.3), 5)
    assert chosen[:10] == chosen[10:]
    assert set(chosen) == {"train", "val", "test"}


def test_documents_by_id() -> None:
    texts = [prose(seed) for seed in range(6)]
    documents = [Document(f"d{number}", text) for number, text in enumerate([*texts, texts[2]])]
    sides = split_documents_by_group(documents, ratio(0.3), 5)
    assert list(sides) == [document.id for document in documents]
    assert sides["d2"] == sides["d6"]
    assert set(sides.values()) == {"train", "val"}
