"""The engine protocol: what finds vectors, whether it runs in this process or on a server.

Document ids cross it, never row numbers, so that whoever ranks need not know how an engine counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.index.metadata.fields import Scalar
from splade_cli.index.metadata.filters import Filter
from splade_cli.records import Chunk, Ranking, WeightedText


class Engine(Protocol):
    """Finds the stored texts whose sparse vectors have the largest dot product with a query's.

    Safe to be searched from many threads at once.

    Attributes:
        capabilities: of ``exact`` (no approximation), ``filter``, ``bm25`` (`WordEngine`), ``lexicon``
            (`Lexicon`), ``dense`` (`DenseEngine`), ``vectors`` (`VectorStore`), ``frequencies``
            (`TermStatistics`), ``catalog`` (`Catalog`), ``facets`` (`FacetCounter`), ``preference``
            (`Preference`).
        dimensions: V.
    """

    @property
    def capabilities(self) -> frozenset[str]: ...

    @property
    def dimensions(self) -> int: ...

    def __len__(self) -> int:
        """How many texts can be found."""

    def search(self, queries: sp.csr_matrix, k: int, filter: Filter | None = None) -> Ranking:
        """The `k` best texts of each query [q, V], best first; a text that shares no term is no result."""

    def fetch(self, ids: Sequence[str]) -> list[Chunk]:
        """The stored texts of `ids`, in their order. Raises InputError for an id that is not there."""

    def chunks_of(self, document_id: str) -> list[str]:
        """The ids of a document's chunks, in the order of the document; empty where it is not there."""

    def fields(self) -> Mapping[str, str]:
        """Names and kinds of the fields that filters may ask for."""

    def count(self, filter: Filter) -> int:
        """How many texts pass a filter. Raises InputError for an unknown field."""


class WordEngine(Protocol):
    """An engine that ranks by BM25 as well (capability ``bm25``)."""

    def search_words(
        self, queries: Sequence[Sequence[WeightedText]], k: int, filter: Filter | None = None
    ) -> Ranking:
        """The `k` best texts of each query, which is one or more texts with a weight each."""

    def explain_words(
        self, query: Sequence[WeightedText], ids: Sequence[str]
    ) -> list[list[tuple[str, float, float]]]:
        """(word, query weight, document weight) of the words that each text shares with a query."""


class Lexicon(Protocol):
    """An engine that knows which words its texts hold (capability ``lexicon``)."""

    def word_frequencies(self, text: str) -> dict[str, int]:
        """The words of a text as BM25 reads it, and how many stored texts hold each."""


class Preference(Protocol):
    """An engine that was measured, and knows by what it is searched best (capability ``preference``)."""

    @property
    def preferred_mode(self) -> str:
        """The mode of a search where nobody says how."""


class FacetCounter(Protocol):
    """An engine that counts the values of fields (capability ``facets``)."""

    def facets(self, filter: Filter | None = None) -> Mapping[str, Mapping[Scalar, int]]:
        """Fields with few values, those of most texts first; how many texts that pass a filter hold each."""


class DenseEngine(Protocol):
    """An engine that ranks by dense vectors as well (capability ``dense``)."""

    def search_dense(self, queries: NDArray[np.float32], k: int, filter: Filter | None = None) -> Ranking:
        """The `k` texts of largest cosine with each query [q, d]."""


class VectorStore(Protocol):
    """An engine that hands out what it stores (capability ``vectors``)."""

    def vectors(self, ids: Sequence[str]) -> sp.csr_matrix:
        """The stored sparse vectors CSR [len(ids), V] of `ids`, in their order."""


class TermTotals(NamedTuple):
    """What all texts hold of each dimension [V].

    Attributes:
        texts: in how many it is active.
        weights: the sum of its weights.
        magnitudes: the sum of their absolute values.
    """

    texts: NDArray[np.int64]
    weights: NDArray[np.float64]
    magnitudes: NDArray[np.float64]


class TermStatistics(Protocol):
    """An engine that knows its document frequencies (capability ``frequencies``)."""

    def document_frequencies(self) -> NDArray[np.int64]:
        """int64 [V]: in how many texts each dimension is active."""

    def term_totals(self) -> TermTotals:
        """What all texts together hold of each dimension."""


class Catalog(Protocol):
    """An engine that lists what it holds (capability ``catalog``)."""

    def ids(self) -> Iterator[str]:
        """The ids of all stored texts, in the order in which they were stored."""

    def document_ids(self) -> Iterator[str]:
        """The ids of all documents, each once."""

    def has_documents(self, least: int) -> bool:
        """Whether there are `least` documents or more, without counting all of many."""

    def describe(self) -> dict[str, str | int | float]:
        """What is stored and where, by names that a person reads."""
