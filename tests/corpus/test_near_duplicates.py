"""Shingles and their Jaccard similarity; MinHash groups of near-duplicates."""

from __future__ import annotations

import random

import pytest

from splade_cli.corpus.near_duplicates import duplicate_groups, is_similar, minhash_signatures, shingles

WORDS = [f"word{number}" for number in range(400)]


def prose(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


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
    """64 independent permutations err by sqrt(J(1 - J) / 64); hashes that move together by far more."""
    errors = []
    for seed in range(60):
        generator = random.Random(seed)
        sizes = (common, 100 - common, 100 - common)
        both, left, right = ([f"w{generator.random()}" for _ in range(size)] for size in sizes)
        signatures = minhash_signatures([" ".join(both + left), " ".join(both + right)], 1)
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


def test_shingles_are_runs_of_five_words() -> None:
    assert shingles("A b, c d! e f") == {"a b c d e", "b c d e f"}
    assert shingles("Short ONE.") == {"short one"}
    assert shingles("...") == shingles("") == frozenset()


@pytest.mark.parametrize(("common", "left", "right"), [(3, 1, 0), (3, 0, 1), (1, 1, 1), (9, 1, 0), (0, 2, 3)])
def test_similarity_is_jaccards(common: int, left: int, right: int) -> None:
    both = {f"both{number}" for number in range(common)}
    one = frozenset(both | {f"left{number}" for number in range(left)})
    other = frozenset(both | {f"right{number}" for number in range(right)})
    similarity = common / (common + left + right)
    assert is_similar(one, other, max(similarity - 0.01, 0.001)) is (common > 0)
    assert not is_similar(one, other, similarity + 0.01)


def test_a_text_without_words_is_similar_to_none() -> None:
    assert not is_similar(frozenset(), frozenset(), 0.1)
    assert not is_similar(shingles("one two"), frozenset(), 0.1)
