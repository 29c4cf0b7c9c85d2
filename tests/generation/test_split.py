"""A split never puts one group of near-duplicates on both sides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.generation.split import split_documents_by_group, split_groups
from splade_cli.records import Document

WORDS = [f"word{number}" for number in range(400)]


def prose(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


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


def test_documents_by_id() -> None:
    texts = [prose(seed) for seed in range(6)]
    documents = [Document(f"d{number}", text) for number, text in enumerate([*texts, texts[2]])]
    sides = split_documents_by_group(documents, 0.3, 5)
    assert list(sides) == [document.id for document in documents]
    assert sides["d2"] == sides["d6"]
    assert 0 < sum(sides.values()) < len(sides)
