"""First-stage ranking: queries by one part of an engine (sparse, bm25, dense) or by the fusion of all."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from threading import RLock
from typing import NamedTuple, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.base import Catalog, DenseEngine, Engine, Preference, TermStatistics, WordEngine
from splade_cli.engines.local import IN_MEMORY
from splade_cli.errors import InputError, OptionError, did_you_mean
from splade_cli.idf import inverse_document_frequency
from splade_cli.index.metadata.filters import Filter
from splade_cli.index.vectors.weighting import reweighted
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.records import Ranking, WeightedText
from splade_cli.search.expansion import combined
from splade_cli.search.options import AUTO, MODES, PARTS, SearchOptions
from splade_cli.search.ranking import fusion
from splade_cli.search.ranking.folding import FEW_DOCUMENTS

_BUILT_FOR = {
    "bm25": "count words as well: splade index DOCS -o {} --bm25 --force",
    "dense": "store dense vectors as well: splade index DOCS -o {} --dense all-MiniLM-L6-v2 --force",
    "hybrid": "count words or store dense vectors as well: splade index DOCS -o {} --bm25 --force",
}
"""How to make an index that can be searched by a mode."""
Encode = Callable[[Sequence[str]], sp.csr_matrix]
"""Texts of queries to vectors [q, V]."""


class EncodedQueries(NamedTuple):
    """Queries as the parts of an engine take them; a part that is not asked has no vectors.

    Attributes:
        texts: of each query itself and of what an expansion adds, with weights.
        sparse: CSR [q, V].
        dense: float32 [q, d].
    """

    texts: list[list[WeightedText]]
    sparse: sp.csr_matrix | None = None
    dense: NDArray[np.float32] | None = None

    def some(self, numbers: Sequence[int]) -> EncodedQueries:
        """The queries of these numbers, in this order."""
        if list(numbers) == list(range(len(self.texts))):
            return self
        sparse = None
        if self.sparse is not None:
            sparse = self.sparse[list(numbers)]
        dense = None
        if self.dense is not None:
            dense = self.dense[list(numbers)]
        return EncodedQueries([self.texts[number] for number in numbers], sparse, dense)


class Ranked(NamedTuple):
    """A ranking, and what it was made of by name: the parts of a fusion, what a reranker was given."""

    ranking: Ranking
    parts: Mapping[str, Ranking]


class Ranker:
    """Ranks the texts of one engine. Safe to be used from many threads.

    Args:
        engine: what is searched.
        encode: texts of queries to vectors [q, V].
        open_dense: opens the dense model that made the engine's dense vectors; called when first needed.
    """

    def __init__(
        self, engine: Engine, encode: Encode, open_dense: Callable[[], DenseEncoder] | None = None
    ) -> None:
        self.engine = engine
        self._encode = encode
        self._open_dense = open_dense
        self._lock = RLock()
        self._dense_model: DenseEncoder | None = None
        self._idf: NDArray[np.float32] | None = None

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """What this engine can be searched by."""
        return tuple(part for part in PARTS if part == "sparse" or part in self.engine.capabilities)

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """`parts`, and ``hybrid`` where there is more than one."""
        if len(self.parts) > 1:
            return (*self.parts, "hybrid")
        return self.parts

    @cached_property
    def few_documents(self) -> bool:
        """Whether the engine is known to hold fewer documents than FEW_DOCUMENTS."""
        if "catalog" not in self.engine.capabilities:
            return False
        return not cast(Catalog, self.engine).has_documents(FEW_DOCUMENTS)

    def mode_of(self, options: SearchOptions) -> str:
        """The mode that `options` come to, one of `modes`. Raises InputError as `require` does."""
        self.require(options.mode)
        if options.mode != AUTO:
            return options.mode
        if options.weights is None and "preference" in self.engine.capabilities:
            preferred = cast(Preference, self.engine).preferred_mode
            if preferred in self.modes:
                return preferred
        return "hybrid" if len(self.parts) > 1 else "sparse"

    def require(self, mode: str) -> None:
        """Raises InputError where this engine cannot be searched so, naming what to build."""
        if mode in self.modes or mode == AUTO:
            return
        if mode not in MODES:
            hint = did_you_mean(mode, MODES) or f"one of {', '.join((AUTO, *self.modes))}"
            raise OptionError(f"unknown mode '{mode}'", hint)
        raise InputError(
            f"this index cannot be searched by {mode}: it has {', '.join(self.modes)}", self._built_for(mode)
        )

    def _built_for(self, mode: str) -> str:
        """How to make this index so that it can be searched by a mode."""
        folder = "index"
        if "catalog" in self.engine.capabilities:
            folder = str(cast(Catalog, self.engine).describe().get("index", folder))
            folder = "index" if folder == IN_MEMORY else folder
        return _BUILT_FOR[mode].format(shlex.quote(folder))

    def encode(self, queries: Sequence[Sequence[WeightedText]], options: SearchOptions) -> EncodedQueries:
        """What the parts that `options.mode` asks for take, each encoded in one call.

        Raises:
            InputError: a mode or an IDF that the engine cannot give.
        """
        self.require(options.mode)
        sparse = None
        if options.mode in ("sparse", "hybrid"):
            sparse = self.vectors(queries, options.idf_exponent)
        dense = None
        if options.mode == "dense" or (options.mode == "hybrid" and "dense" in self.parts):
            dense = self._dense_vectors(queries)
        return EncodedQueries(list(map(list, queries)), sparse, dense)

    def vectors(self, queries: Sequence[Sequence[WeightedText]], idf_exponent: float = 0.0) -> sp.csr_matrix:
        """Vectors [q, V]: the largest weight that any text of a query gives a term, times its IDF."""
        matrix = self._encode([text for query in queries for text, _ in query])
        if any(len(query) > 1 for query in queries):
            rows = []
            start = 0
            for query in queries:
                stop = start + len(query)
                rows.append(combined(matrix[start:stop], [weight for _, weight in query]))
                start = stop
            matrix = sp.vstack(rows, format="csr")
        if not idf_exponent:
            return matrix
        return reweighted(matrix, self._inverse_frequencies(), idf_exponent)

    def rank(
        self,
        queries: EncodedQueries,
        k: int,
        options: SearchOptions,
        filter: Filter | None = None,
        fused: int | None = None,
    ) -> Ranked:
        """The `k` best texts of each query.

        Args:
            fused: how many texts of each part a hybrid fuses; fusion.DEPTH by default. It does not go by `k`:
                where a ranking ends decides what its scores are worth, and a hit must not move when more hits
                are asked for.

        Raises:
            InputError: a filter where the engine takes none.
        """
        if filter is not None and "filter" not in self.engine.capabilities:
            raise InputError("this engine takes no filter", "leave the filter out")
        if options.mode != "hybrid":
            return Ranked(self._by(options.mode, queries, k, filter), {})
        depth = fused or fusion.DEPTH
        parts = {part: self._by(part, queries, depth, filter) for part in self.parts}
        return Ranked(_fused(parts, options.fusion_weights(parts), k), parts)

    def _by(self, part: str, queries: EncodedQueries, k: int, filter: Filter | None) -> Ranking:
        if part == "bm25":
            return cast(WordEngine, self.engine).search_words(queries.texts, k, filter)
        if part == "dense":
            assert queries.dense is not None
            return cast(DenseEngine, self.engine).search_dense(queries.dense, k, filter)
        assert queries.sparse is not None
        return self.engine.search(queries.sparse, k, filter)

    def _dense_vectors(self, queries: Sequence[Sequence[WeightedText]]) -> NDArray[np.float32]:
        """Only of the queries themselves: what an expansion adds is for vectors of words."""
        with self._lock:
            if self._dense_model is None:
                if self._open_dense is None:
                    raise InputError(
                        "the index does not say which dense model made it",
                        self._built_for("dense"),
                    )
                self._dense_model = self._open_dense()
            return self._dense_model.encode([query[0][0] for query in queries], "query")

    def _inverse_frequencies(self) -> NDArray[np.float32]:
        if "frequencies" not in self.engine.capabilities:
            raise InputError("this engine does not know its document frequencies", "leave the IDF out")
        with self._lock:
            if self._idf is None:
                counts = cast(TermStatistics, self.engine).document_frequencies()
                self._idf = inverse_document_frequency(counts, len(self.engine)).astype(np.float32)
            return self._idf


def _fused(parts: dict[str, Ranking], weights: Mapping[str, float] | None, k: int) -> Ranking:
    rankings = list(parts.values())
    if weights is None:
        return fusion.rrf(rankings, k)
    return fusion.weighted(rankings, [weights.get(part, 0.0) for part in parts], k)
