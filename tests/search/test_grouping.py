"""Folding against slow versions; depth; the windows that matched."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.search.grouping import Fold, fold_duplicates, fold_windows, folded


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


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("similar", [0.5, 0.9, 1.0])
def test_duplicates_against_all_pairs(seed: int, similar: float) -> None:
    texts = variants(seed)
    order = random.Random(seed + 1).sample(range(len(texts)), len(texts))
    found = fold_duplicates(
        [Fold(row, 1.0 - place, (row,)) for place, row in enumerate(order)], texts.__getitem__, similar
    )
    kept: dict[int, list[int]] = {}
    for row in order:
        like = [other for other in kept if jaccard(texts[row], texts[other]) >= similar]
        kept.setdefault(like[0] if like else row, []).extend([row] if like else [])
    assert {fold.row: list(fold.duplicates) for fold in found} == kept
    assert list(kept) == [fold.row for fold in found]
    if similar < 1:
        assert len(kept) < len(texts)


def test_what_is_no_duplicate() -> None:
    texts = ["", "", "...", "Short one.", "short, ONE", "Short two."]
    found = fold_duplicates([Fold(row, 1.0, (row,)) for row in range(6)], texts.__getitem__)
    assert [(fold.row, fold.duplicates) for fold in found] == [(0, ()), (1, ()), (2, ()), (3, (4,)), (5, ())]


def test_windows_of_a_document_are_one_hit() -> None:
    ranked = [(4, 9.0), (7, 8.0), (5, 8.0), (1, 2.0), (6, 1.0)]
    documents = {4: "a", 5: "a", 6: "a", 7: "b", 1: "c"}
    assert fold_windows(ranked, documents.__getitem__) == [
        Fold(4, 9.0, (4, 5, 6)),
        Fold(7, 8.0, (7,)),
        Fold(1, 2.0, (1,)),
    ]


class Asked:
    """A search over rows in the order of their numbers, which remembers how deep it was asked."""

    def __init__(self, rows: int) -> None:
        self.rows, self.depths = rows, []

    def __call__(self, depth: int) -> tuple[np.ndarray, np.ndarray]:
        self.depths.append(depth)
        rows = np.full(depth, -1)
        rows[: min(depth, self.rows)] = np.arange(min(depth, self.rows))
        return rows, np.where(rows >= 0, -rows, -np.inf).astype(np.float32)


def test_folds_are_filled_up_from_deeper() -> None:
    search = Asked(1000)
    found = folded(search, 5, document_of=lambda row: row // 50)
    assert [fold.row for fold in found] == [0, 50, 100, 150, 200]
    assert search.depths == [15, 60, 240]
    assert found[0].windows == tuple(range(50))
    assert found[0].score == 0


def test_it_ends_where_the_search_does() -> None:
    search = Asked(30)
    found = folded(search, 5, document_of=lambda row: row // 20)
    assert [fold.row for fold in found] == [0, 20]
    assert search.depths == [15, 60]
    assert folded(Asked(0), 5, document_of=str) == []
    plain = Asked(30)
    assert [fold.row for fold in folded(plain, 3)] == [0, 1, 2]
    assert plain.depths == [3], "nothing to fold, nothing fetched in vain"


def test_windows_first_then_duplicates() -> None:
    body = "one two three four five six seven"
    texts = [body, "window", body.upper(), "another text of its own", "and one more"]
    found = folded(Asked(5), 3, document_of=[0, 0, 1, 2, 3].__getitem__, text_of=texts.__getitem__)
    assert [(fold.row, fold.windows, fold.duplicates) for fold in found] == [
        (0, (0, 1), (2,)),
        (3, (3,), ()),
        (4, (4,), ()),
    ]


@pytest.mark.parametrize(("k", "similar"), [(0, 0.9), (3, 0), (3, 1.2), (3, float("nan"))])
def test_sizes_that_cannot_be(k: int, similar: float) -> None:
    with pytest.raises(InputError):
        folded(Asked(3), k, text_of=str, similar=similar)
