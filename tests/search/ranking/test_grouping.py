"""Grouping against slow versions; depth; the chunks that matched."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from splade_cli.corpus.near_duplicates import hashed_shingles
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Ranking
from splade_cli.search.ranking.grouping import (
    FactsCache,
    Group,
    TextFacts,
    best_groups,
    grouped,
)


def jaccard(left: str, right: str, size: int = 5) -> float:
    """Of the sets of word 5-grams, written out."""
    sets = []
    for text in (left, right):
        words = re.findall(r"\w+", text.lower())
        grams = {" ".join(words[start : start + size]) for start in range(len(words) - size + 1)}
        sets.append(grams or ({" ".join(words)} if words else set()))
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1]) if sets[0] | sets[1] else 0.0


def variants(seed: int) -> list[str]:
    """Texts, some of which are others with a word or two changed."""
    generator = random.Random(seed)
    words = [f"word{number}" for number in range(50)]
    texts = [" ".join(generator.choices(words, k=generator.randint(3, 120))) for _ in range(12)]
    for _ in range(28):
        changed = generator.choice(texts).split()
        if generator.random() < 0.5:
            changed = changed[: len(changed) - generator.randint(0, len(changed) // 12)]
        for _ in range(generator.randint(0, 2)):
            changed[generator.randrange(len(changed))] = generator.choice(words)
        texts.append(generator.choice([" ", "  ", ", "]).join(changed).title())
    generator.shuffle(texts)
    return texts


def merged(texts: Sequence[str], order: Sequence[int], similarity: float = 0.9) -> dict[int, list[int]]:
    facts = {str(row): TextFacts.of(str(row), texts[row], similarity) for row in order}
    scores = -np.arange(len(order), dtype=np.float32)
    found = best_groups([str(row) for row in order], scores, facts, len(order), similarity)
    return {int(group.id): [int(each) for each in group.duplicates] for group in found}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("similarity", [0.5, 0.9, 1.0])
def test_duplicates_against_all_pairs(seed: int, similarity: float) -> None:
    texts = variants(seed)
    order = random.Random(seed + 1).sample(range(len(texts)), len(texts))
    expected: dict[int, list[int]] = {}
    for row in order:
        like = [other for other in expected if jaccard(texts[row], texts[other]) >= similarity]
        expected.setdefault(like[0] if like else row, []).extend([row] if like else [])
    found = merged(texts, order, similarity)
    assert found == expected
    assert list(found) == list(expected)
    if similarity < 1:
        assert len(found) < len(texts)


def test_the_same_words_under_another_title_are_another_page() -> None:
    """How two diseases are inherited may be said in the same words: whoever asks of one wants that one."""
    text = "This condition is inherited in an autosomal dominant pattern, which means one copy suffices."
    written = {  # id: title, path
        "clouston": ("Clouston syndrome", "inheritance.jsonl"),
        "vohwinkel": ("Vohwinkel syndrome", "inheritance.jsonl"),
        "2022": ("Clouston syndrome (2022)", ""),
        "same": (" CLOUSTON  syndrome", "b.md"),
        "none": ("", "c.md"),
        "copy": ("clouston Kopie", "texts/clouston_Kopie.txt.gz"),
        "other": ("clouston Kopie", "d.txt"),
    }
    facts = {
        each: TextFacts.of(each, text, title=title, path=path) for each, (title, path) in written.items()
    }
    scores = -np.arange(len(written), dtype=np.float32)
    found = best_groups(list(written), scores, facts, len(written))
    assert [group.id for group in found] == ["clouston", "vohwinkel", "2022", "other"]
    assert found[0].duplicates == ("same", "none", "copy")


def test_what_is_no_duplicate() -> None:
    texts = ["", "", "...", "Short one.", "short, ONE", "Short two."]
    assert merged(texts, range(6)) == {0: [], 1: [], 2: [], 3: [4], 5: []}


def test_chunks_of_a_document_are_one_hit() -> None:
    documents = {"4": "a", "5": "a", "6": "a", "7": "b", "1": "c"}
    facts = {each: TextFacts.of(document, each) for each, document in documents.items()}
    scores = np.array([9.0, 8.0, 8.0, 2.0, 1.0], dtype=np.float32)
    groups = best_groups(["4", "7", "5", "1", "6"], scores, facts, 5)
    assert groups == [Group("4", 9.0, ("4", "5", "6")), Group("7", 8.0, ("7",)), Group("1", 2.0, ("1",))]


class Rankings:
    """Chunks 0, 1, 2, ... for each query, as many as it has; remembers how deep which queries were asked."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes
        self.asked: list[tuple[list[int], int]] = []

    def __call__(self, numbers: Sequence[int], depth: int) -> Ranking:
        self.asked.append((list(numbers), depth))
        counts = [min(depth, self.sizes[number]) for number in numbers]
        ids = [[str(row) for row in range(count)] for count in counts]
        return Ranking(ids, [-np.arange(count, dtype=np.float32) for count in counts])


def facts(chunks_a_document: int, texts: Sequence[str] = ()) -> Any:
    def of(ids: Sequence[str]) -> dict[str, TextFacts]:
        given = [texts[int(each)] if texts else f"text {each}" for each in ids]
        return {
            each: TextFacts.of(str(int(each) // chunks_a_document), text)
            for each, text in zip(ids, given, strict=True)
        }

    return of


def test_groups_are_filled_up_from_deeper() -> None:
    rank = Rankings(1000)
    groups = grouped(rank, 1, 5, facts(50))[0]
    assert [group.id for group in groups] == ["0", "50", "100", "150", "200"]
    assert rank.asked == [([0], 15), ([0], 60), ([0], 240)]
    assert groups[0].chunks == tuple(str(row) for row in range(50))
    assert groups[0].score == 0


def test_only_queries_with_too_few_groups_are_asked_again() -> None:
    rank = Rankings(5, 1000, 30, 0)
    groups = grouped(rank, 4, 3, facts(20))
    assert [[group.id for group in each] for each in groups] == [["0"], ["0", "20", "40"], ["0", "20"], []]
    assert rank.asked == [([0, 1, 2, 3], 9), ([1, 2], 36), ([1], 144)]


def test_chunks_first_then_duplicates() -> None:
    body = "one two three four five six seven"
    texts = [body, "window", body.upper(), "another", "another text of its own", "x", "and one more", "y"]
    groups = grouped(Rankings(8), 1, 3, facts(2, texts))[0]
    assert [(group.id, group.chunks, group.duplicates) for group in groups] == [
        ("0", ("0", "1"), ("2",)),
        ("4", ("4", "5"), ()),
        ("6", ("6", "7"), ()),
    ]


def test_k_below_one() -> None:
    with pytest.raises(InputError):
        grouped(Rankings(3), 1, 0, facts(1))


class Stored:
    """An engine's texts, which remembers what was fetched."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    def fetch(self, ids: Sequence[str]) -> list[Chunk]:
        self.fetched += ids
        return [Chunk(each, f"document of {each}", f"text {each}") for each in ids]


def test_facts_are_fetched_once_and_forgotten_beyond_the_capacity() -> None:
    engine: Any = Stored()
    cache = FactsCache(engine, capacity=3)
    assert cache(["a", "b"])["a"].document_id == "document of a"
    assert set(cache(["a", "b", "c"])) == {"a", "b", "c"}
    assert engine.fetched == ["a", "b", "c"]
    cache(["a"])
    cache(["d"])
    assert cache(["a", "d"])["d"].shingles.tolist() == hashed_shingles("text d").tolist()
    assert engine.fetched == ["a", "b", "c", "d"], "the one that was not asked for longest is gone"
    cache(["b"])
    assert engine.fetched == ["a", "b", "c", "d", "b"]
    assert set(cache(list("efghi"))) == set("efghi"), "more than the capacity is given all the same"
