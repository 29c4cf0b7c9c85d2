"""Ranked rows in, fewer hits out: the windows of one document become one hit, near-duplicate texts another; pure.

Of rows that belong together the best ranked one stands for all. Rows are fetched deeper until there are as many hits
as asked for, so folding costs no results.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splade_cli.corpus.near_duplicates import is_similar, shingles
from splade_cli.errors import InputError, require_positive

SIMILAR = 0.9
Found = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True)
class Fold:
    """One hit.

    Attributes:
        row: the best ranked of its rows: of a document in windows, the window that matched best.
        score: of that row.
        windows: all rows of the same document among those fetched, best first, `row` included.
        duplicates: best rows of other documents whose text is nearly the same, best first.
    """

    row: int
    score: float
    windows: tuple[int, ...]
    duplicates: tuple[int, ...] = ()


def fold_windows(ranked: Iterable[tuple[int, float]], document_of: Callable[[int], Hashable]) -> list[Fold]:
    """One fold for each document of the (row, score) pairs, in the order of their best rows (MaxP)."""
    first: dict[Hashable, tuple[int, float]] = {}
    windows: dict[Hashable, list[int]] = {}
    for row, score in ranked:
        document = document_of(row)
        first.setdefault(document, (row, score))
        windows.setdefault(document, []).append(row)
    return [Fold(row, score, tuple(windows[document])) for document, (row, score) in first.items()]


def fold_duplicates(
    folds: Iterable[Fold], text_of: Callable[[int], str], similar: float = SIMILAR
) -> list[Fold]:
    """Joins a fold to the first better one whose text has a Jaccard similarity of at least `similar`.

    Texts are compared by their runs of five words [Broder 1997], case and punctuation aside; shorter ones as
    they stand; a text without words is like no other.
    """
    kept: list[Fold] = []
    seen: list[frozenset[str]] = []
    for fold in folds:
        own = shingles(text_of(fold.row))
        place = next((number for number, other in enumerate(seen) if is_similar(own, other, similar)), None)
        if place is None:
            kept.append(fold)
            seen.append(own)
        else:
            kept[place] = replace(kept[place], duplicates=(*kept[place].duplicates, fold.row))
    return kept


def folded(
    search: Callable[[int], Found],
    k: int,
    *,
    document_of: Callable[[int], Hashable] | None = None,
    text_of: Callable[[int], str] | None = None,
    similar: float = SIMILAR,
) -> list[Fold]:
    """The k best folds of one query.

    Args:
        search: ``search(n)`` gives the n best rows and scores, best first, -1 or nothing in empty places; asked again
            with a larger n while there are fewer than `k` folds and it still has more rows.
        document_of: what windows belong to, None to leave them apart.
        text_of: to fold near-duplicates by, None to leave them apart.
        similar: the Jaccard similarity from which two texts count as one, above 0 and up to 1.
    """
    require_positive(k=k)
    if not 0 < similar <= 1:
        raise InputError(
            f"a similarity must be above 0 and up to 1, got {similar:g}", f"{SIMILAR:g} is a good one"
        )
    folding = document_of is not None or text_of is not None
    depth = 3 * k if folding else k
    while True:
        rows, scores = search(depth)
        there = np.flatnonzero(rows >= 0)
        ranked = [(int(rows[place]), float(scores[place])) for place in there]
        # without documents each row is one by itself
        folds = fold_windows(ranked, document_of or (lambda row: row))
        if text_of is not None:
            folds = fold_duplicates(folds, text_of, similar)
        if len(folds) >= k or len(ranked) < depth:
            return folds[:k]
        depth *= 4
