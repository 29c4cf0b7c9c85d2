"""Shingles and their Jaccard similarity; MinHash groups of near-duplicates."""

from __future__ import annotations

import random

import numpy as np
import pytest

from splade_cli.corpus.near_duplicates import (
    duplicate_groups,
    hashed_shingles,
    jaccard,
    minhash_signatures,
    prefix,
    shingles,
)

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
    both = list(range(100, 100 + common))
    one = np.array([*range(left), *both])
    other = np.array([*both, *range(1000, 1000 + right)])
    assert jaccard(one, other) == jaccard(other, one) == common / (common + left + right)


def test_a_text_without_words_is_similar_to_none() -> None:
    empty = hashed_shingles("...")
    assert jaccard(empty, empty) == jaccard(hashed_shingles("one two"), empty) == 0.0
    assert prefix(empty, 0.9).tolist() == []


def test_hashes_are_of_the_shingles_each_once() -> None:
    hashes = hashed_shingles("a b c d e a b c d e")
    assert hashes.tolist() == sorted(hash(each) for each in shingles("a b c d e a b c d e"))


@pytest.mark.parametrize("similarity", [0.5, 0.9, 1.0])
def test_similar_sets_share_a_shingle_of_their_prefixes(similarity: float) -> None:
    generator = np.random.default_rng(3)
    met = 0
    for _ in range(300):
        one = np.unique(generator.integers(0, 40, 20))
        other = np.unique(np.concatenate([generator.choice(one, len(one) - 1), generator.integers(0, 40, 2)]))
        other = one if generator.random() < 0.2 else other
        if jaccard(one, other) >= similarity:
            met += 1
            assert set(prefix(one, similarity).tolist()) & set(prefix(other, similarity).tolist())
    assert met > 20
