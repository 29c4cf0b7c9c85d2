"""Score explanations: the terms that a query and a document share, and what each contributes.

A dot product is a sum over shared terms, so the contributions of a hit add up to its score exactly, and so do
the differences between two hits to the difference of their scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import did_you_mean
from splade_cli.records import Hit, Term

Origin = Literal["both", "query", "document", "model"]
"""Where a term is literal: in both texts, in one of them (the model added it to the other), or in neither."""
_COMPARED_IDS = 20_000
Vector = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Columns, ascending, and weights of a sparse vector."""
SharedTerm = tuple[str, float, float, float]
"""A name, its weight in the query and in a document, and the product of the two."""
_CONTRIBUTION = itemgetter(3)
_NO_COLUMN = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Gap:
    """A term's contribution to the score of two hits; `difference` is what the first has over the second."""

    term: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        """First less second."""
        return self.first - self.second


class QueryTerms:
    """The terms of a query, which are looked for in many documents.

    Args:
        row: its vector [1, V], in ascending order of columns.
        vocabulary: names of the V columns.
    """

    def __init__(self, row: sp.csr_matrix, vocabulary: Sequence[str]) -> None:
        self._names = [term_name(vocabulary, column) for column in row.indices.tolist()]
        # one more, which no column of a document is, for what a search behind the last one finds
        self._columns = np.concatenate([row.indices, [_NO_COLUMN]], dtype=row.indices.dtype)
        self._weights = row.data

    def shared(self, documents: Sequence[Vector]) -> list[list[SharedTerm]]:
        """Those active in each of `documents` as well, largest contribution first, then by column."""
        if not documents:
            return []
        columns = np.concatenate([columns for columns, _ in documents])
        weights = np.concatenate([weights for _, weights in documents])
        ends = list(accumulate([len(columns) for columns, _ in documents]))
        # methods: the functions of the same names look at their arguments for as long as this takes
        positions = self._columns.searchsorted(columns)
        found = (self._columns.take(positions) == columns).nonzero()[0]
        positions = positions.take(found)
        query_weights = self._weights.take(positions)
        document_weights = weights.take(found)
        contributions = query_weights * document_weights
        names = map(self._names.__getitem__, positions.tolist())
        values = (query_weights.tolist(), document_weights.tolist(), contributions.tolist())
        of_all: list[SharedTerm] = list(zip(names, *values, strict=True))
        shared: list[list[SharedTerm]] = []
        first = 0
        for last in found.searchsorted(ends).tolist():
            terms = of_all[first:last]
            terms.sort(key=_CONTRIBUTION, reverse=True)  # those of one contribution stay as they are
            shared.append(terms)
            first = last
        return shared


def origins(terms: Iterable[Term]) -> tuple[Origin, ...]:
    """Where each of `terms` is literal."""
    names: dict[tuple[bool, bool], Origin] = {
        (True, True): "both",
        (True, False): "query",
        (False, True): "document",
        (False, False): "model",
    }
    return tuple(names[term.literal, term.in_document] for term in terms)


def gaps(first: Hit, second: Hit) -> list[Gap]:
    """What each term gives `first` and `second`, the largest advantage of `first` first.

    The differences add up to that of the two sums of contributions.
    """
    left = {term.term: term.contribution for term in first.terms}
    right = {term.term: term.contribution for term in second.terms}
    between = [Gap(name, left.get(name, 0.0), right.get(name, 0.0)) for name in {**left, **right}]
    return sorted(between, key=lambda gap: -gap.difference)


def held_against(shown: Sequence[Hit], hit: Hit) -> Hit | None:
    """What `hit` lost to: the hit above it, the last one where it did not come up, None for the first."""
    ids = [each.id for each in shown]
    better = len(ids)
    if hit.id in ids:
        better = ids.index(hit.id)
    if not better:
        return None
    return shown[better - 1]


def active_terms(row: sp.csr_matrix, vocabulary: Sequence[str], limit: int = 20) -> list[tuple[str, float]]:
    """The `limit` heaviest terms of one row [1, V] with their weights."""
    order = np.argsort(-row.data, kind="stable")[:limit]
    heaviest = zip(row.indices[order].tolist(), row.data[order].tolist(), strict=True)
    return [(term_name(vocabulary, column), weight) for column, weight in heaviest]


def missing_terms(
    query: sp.csr_matrix, document: sp.csr_matrix, vocabulary: Sequence[str]
) -> list[tuple[str, float]]:
    """The query's terms that the document lacks, heaviest first."""
    lacking = ~np.isin(query.indices, document.indices)
    missing = zip(query.indices[lacking], query.data[lacking], strict=True)
    ranked = sorted(missing, key=lambda pair: -pair[1])
    return [(term_name(vocabulary, int(index)), float(weight)) for index, weight in ranked]


def term_name(vocabulary: Sequence[str], index: int) -> str:
    """The vocabulary's name of a column, or its number where the vocabulary is not known."""
    if index < len(vocabulary):
        return vocabulary[index]
    return f"[{index}]"


def closest_id(wanted: str, ids: Iterable[str]) -> str:
    """``did you mean 'x'?`` for an unknown id: one that holds `wanted`, else one spelled like it, else ''."""
    lowered = wanted.lower()
    alike: list[str] = []
    for name in ids:
        if lowered and lowered in name.lower():
            return f"did you mean '{name}'?"
        if abs(len(name) - len(wanted)) <= 4 and len(alike) < _COMPARED_IDS:
            alike.append(name)
    return did_you_mean(wanted, alike)
