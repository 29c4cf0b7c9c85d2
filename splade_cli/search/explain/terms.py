"""Score explanations: the terms that a query and a document share, and what each contributes.

A dot product is a sum over shared terms, so the contributions of a hit add up to its score exactly, and so do
the differences between two hits to the difference of their scores.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import did_you_mean
from splade_cli.records import Hit, Term

Origin = Literal["both", "query", "document", "model"]
"""Where a term is literal: in both texts, in one of them (the model added it to the other), or in neither."""
_COMPARED_IDS = 20_000


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
        row: its vector [1, V].
        vocabulary: names of the V columns.
    """

    def __init__(self, row: sp.csr_matrix, vocabulary: Sequence[str]) -> None:
        self.names = [term_name(vocabulary, column) for column in row.indices.tolist()]
        self._indices = row.indices
        self._weights = row.data

    def shared(
        self,
        documents: sp.csr_matrix,
        number: int,
        in_query: Container[str] = (),
        in_document: Container[str] = (),
    ) -> tuple[Term, ...]:
        """Those active in row `number` of `documents` [n, V] as well, largest contribution first.

        Args:
            in_query, in_document: the terms that stand in the texts themselves; the model added the others
                (expansion).
        """
        part = slice(documents.indptr[number], documents.indptr[number + 1])
        _, left, right = np.intersect1d(
            self._indices, documents.indices[part], assume_unique=True, return_indices=True
        )
        query_weights = self._weights[left]
        document_weights = documents.data[part][right]
        contributions = query_weights * document_weights
        order = np.argsort(-contributions, kind="stable")
        terms = []
        for position, query_weight, document_weight, contribution in zip(
            left[order].tolist(),
            query_weights[order].tolist(),
            document_weights[order].tolist(),
            contributions[order].tolist(),
            strict=True,
        ):
            name = self.names[position]
            terms.append(
                Term(
                    term=name,
                    query_weight=query_weight,
                    document_weight=document_weight,
                    contribution=contribution,
                    literal=name in in_query,
                    in_document=name in in_document,
                )
            )
        return tuple(terms)


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
