"""The engine of this process: an index, in a folder or in memory, behind the protocols of `engines.base`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from threading import Lock

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.base import TermTotals
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.engine.running.merging import RankedRows, listed, merge
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.facets import Counts, value_counts
from splade_cli.index.metadata.fields import Scalar
from splade_cli.index.metadata.filters import Filter
from splade_cli.index.vectors import dense
from splade_cli.records import Chunk, Ranking, WeightedText

IN_MEMORY = "in memory"
Mask = NDArray[np.bool_]


class LocalEngine:
    """Exact search of a `SpladeIndex`; row numbers stay inside."""

    def __init__(self, index: SpladeIndex) -> None:
        self.index = index
        self._lock = Lock()
        self._words: Bm25Search | None = None
        self._last_mask: tuple[Filter, Mask] | None = None
        capabilities = {"exact", "filter", "vectors", "frequencies", "catalog", "facets"}
        if index.segments and all(segment.bm25 is not None for segment in index.segments):
            capabilities.update(("bm25", "lexicon"))
        if index.segments and all(segment.stored_dense is not None for segment in index.segments):
            capabilities.add("dense")
        if index.info.mode:
            capabilities.add("preference")
        self._capabilities = frozenset(capabilities)

    @property
    def capabilities(self) -> frozenset[str]:
        """See `Engine.capabilities`."""
        return self._capabilities

    @property
    def dimensions(self) -> int:
        """V."""
        return self.index.dimensions

    def __len__(self) -> int:
        return len(self.index)

    def search(self, queries: sp.csr_matrix, k: int, filter: Filter | None = None) -> Ranking:
        """See `Engine.search`."""
        return self._ranking(self._search_rows(queries, self._at_most(k), self._mask(filter)))

    def search_words(
        self, queries: Sequence[Sequence[WeightedText]], k: int, filter: Filter | None = None
    ) -> Ranking:
        """See `WordEngine.search_words`."""
        return self._ranking(self._lexical.search(queries, self._at_most(k), allowed=self._mask(filter)))

    def search_dense(self, queries: NDArray[np.float32], k: int, filter: Filter | None = None) -> Ranking:
        """See `DenseEngine.search_dense`."""
        vectors = dense.unit(queries)
        allowed = self._mask(filter)
        k = self._at_most(k)
        lists = []
        start = 0
        for segment in self.index.segments:
            assert segment.dense is not None
            stop = start + len(segment)
            mask = segment.alive
            if allowed is not None:
                mask = self.index.alive[start:stop] & allowed[start:stop]
            rows, scores = dense.search(segment.dense, vectors, k, allowed=mask)
            lists.append((np.where(rows >= 0, rows + start, -1), scores))
            start = stop
        return self._ranking(merge(lists, k, len(vectors)))

    def explain_words(
        self, query: Sequence[WeightedText], ids: Sequence[str]
    ) -> list[list[tuple[str, float, float]]]:
        """See `WordEngine.explain_words`."""
        return [self._lexical.explain(query, self.index.row_of(each)) for each in ids]

    @property
    def preferred_mode(self) -> str:
        """See `Preference.preferred_mode`."""
        return self.index.info.mode

    def word_frequencies(self, text: str) -> dict[str, int]:
        """See `Lexicon.word_frequencies`."""
        return self._lexical.frequencies(text)

    def fetch(self, ids: Sequence[str]) -> list[Chunk]:
        """See `Engine.fetch`."""
        return self.index.fetch(ids)

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Engine.chunks_of`."""
        return self.index.chunks_of(document_id)

    def fields(self) -> Mapping[str, str]:
        """See `Engine.fields`."""
        kinds: dict[str, list[str]] = {}
        for segment in self.index.segments:
            for name, column in segment.columns.fields.items():
                kinds.setdefault(name, []).extend(column.kinds())
        return {name: " or ".join(dict.fromkeys(listed)) for name, listed in sorted(kinds.items())}

    def count(self, filter: Filter) -> int:
        """See `Engine.count`."""
        return int(np.count_nonzero(self.index.mask(filter) & self.index.alive))

    def facets(self, filter: Filter | None = None) -> Mapping[str, Mapping[Scalar, int]]:
        """See `FacetCounter.facets`. A value that no text of the filter holds is there with 0."""
        alive = self.index.alive
        whole = self._value_counts(alive)
        passing = whole
        if filter is not None:
            passing = self._value_counts(alive & self.index.mask(filter))
        found: dict[str, Mapping[Scalar, int]] = {}
        for name, counts in sorted(whole.items(), key=lambda pair: -pair[1].total()):
            if len(counts) > 1:
                there = passing.get(name, Counter[Scalar]())
                found[name] = {value: there[value] for value, _ in counts.most_common()}
        return found

    def _value_counts(self, mask: Mask) -> Counts:
        starts = np.cumsum([0, *(len(segment) for segment in self.index.segments)]).tolist()
        masks = [mask[start:stop] for start, stop in pairwise(starts)]
        return value_counts([segment.columns for segment in self.index.segments], masks)

    def vectors(self, ids: Sequence[str]) -> sp.csr_matrix:
        """See `VectorStore.vectors`."""
        return self.index.vectors_of(ids)

    def document_frequencies(self) -> NDArray[np.int64]:
        """See `TermStatistics.document_frequencies`."""
        with self._lock:
            return self.index.df

    def term_totals(self) -> TermTotals:
        """See `TermStatistics.term_totals`; vectors are read in parts, as they may be larger than memory."""
        texts = np.zeros(self.dimensions, dtype=np.int64)
        weights = np.zeros(self.dimensions)
        magnitudes = np.zeros(self.dimensions)
        for segment in self.index.segments:
            for block in segment.live_blocks():
                texts += np.bincount(block.indices, minlength=self.dimensions)
                weights += np.bincount(block.indices, block.data, self.dimensions)
                magnitudes += np.bincount(block.indices, np.abs(block.data), self.dimensions)
        return TermTotals(texts, weights, magnitudes)

    def ids(self) -> Iterator[str]:
        """See `Catalog.ids`."""
        return map(self.index.id_of, self.index.live_rows().tolist())

    def document_ids(self) -> Iterator[str]:
        """See `Catalog.document_ids`."""
        document_ids = self.index.document_ids
        names = (document_ids[row] for row in self.index.live_rows().tolist())
        return iter(dict.fromkeys(names))

    def has_documents(self, least: int) -> bool:
        """See `Catalog.has_documents`."""
        return self.index.has_documents(least)

    def describe(self) -> dict[str, str | int | float]:
        """See `Catalog.describe`."""
        index = self.index
        return {
            "chunks": len(index),
            "documents": index.documents,
            "dimensions": index.dimensions,
            "active terms a chunk": round(index.nonzeros / max(1, len(index.alive)), 1),
            "model": index.info.encoder.name or "unknown",
            "index": str(index.folder) if index.folder else IN_MEMORY,
        }

    def _at_most(self, k: int) -> int:
        """`k`, or the number of rows where that is fewer: room is made for every hit that is asked for."""
        return min(k, max(1, self.index.starts[-1]))

    def _search_rows(self, queries: sp.csr_matrix, k: int, allowed: Mask | None) -> RankedRows:
        return self.index.search_rows(queries, k, allowed=allowed)

    @property
    def _lexical(self) -> Bm25Search:
        with self._lock:
            if self._words is None:
                self._words = Bm25Search.of(self.index.segments)
            return self._words

    def _mask(self, filter: Filter | None) -> Mask | None:
        """bool over all rows; that of the last filter is cached, since a search may ask again for more."""
        if filter is None:
            return None
        last = self._last_mask
        if last is not None and last[0] == filter:
            return last[1]
        mask = self.index.mask(filter)
        self._last_mask = (filter, mask)
        return mask

    def _ranking(self, ranked: RankedRows) -> Ranking:
        ids = []
        scores = []
        for rows, values in listed(ranked):
            ids.append(list(map(self.index.id_of, rows)))
            scores.append(values)
        return Ranking(ids, scores)
