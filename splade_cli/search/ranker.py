"""One query ranked by the parts of an index (sparse, bm25, dense) and by their fusion: text in, rows out.

Knows rows, not hits: no texts, snippets or explanations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, did_you_mean
from splade_cli.index.bm25.search import LexicalSearch
from splade_cli.index.engine.ranking import DEPTH, Ranking, best, rrf, weighted
from splade_cli.index.vectors import dense
from splade_cli.index.vectors.weighting import idf, reweighted
from splade_cli.search.expansion import combined

if TYPE_CHECKING:
    from splade_cli.engines.backends import Backend
    from splade_cli.index.index import SpladeIndex
    from splade_cli.model.dense import DenseModel

PARTS = ("sparse", "bm25", "dense")
MODES = (*PARTS, "hybrid")
Pieces = Sequence[tuple[str, float]]
"""A query in pieces with a weight each: itself, and what an expansion added."""


@dataclass(frozen=True)
class Ranked:
    """Rows int64 [n] and scores float32 [n], best first; `parts`: what each part of a fusion gave, row to rank, score.

    `vector` is the query's, [1, V]; None where the sparse part was not asked.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    vector: sp.csr_matrix | None = None
    parts: dict[str, dict[int, tuple[int, float]]] = field(default_factory=dict)


class Ranker:
    """Ranks the rows of one index.

    Args:
        index: its segments may hold words (bm25) and dense vectors.
        encode: texts to query vectors, CSR [q, V].
        alpha: exponent of the corpus IDF that query weights are multiplied by, 0 for none; see `index.weighting`.
        weights: of sparse, bm25 and dense in a fusion; None fuses by reciprocal rank.
        open_dense: opens the index's dense model; called when first needed.
        backend: finds rows by their sparse vectors in place of the exact engine; of all places of the index.
    """

    def __init__(
        self,
        index: SpladeIndex,
        encode: Callable[[Sequence[str]], sp.csr_matrix],
        *,
        alpha: float = 0.0,
        weights: dict[str, float] | None = None,
        open_dense: Callable[[], DenseModel] | None = None,
        backend: Backend | None = None,
    ) -> None:
        self.index, self._encode, self.alpha, self.weights = index, encode, alpha, weights
        self._open_dense, self.backend = open_dense, backend

    @property
    def parts(self) -> tuple[str, ...]:
        """What this index can be searched by."""
        segments = self.index.segments
        there = {
            "sparse": True,
            "bm25": bool(segments) and all(segment.lexical is not None for segment in segments),
            "dense": bool(segments) and all(segment.dense is not None for segment in segments),
        }
        return tuple(part for part in PARTS if there[part])

    @property
    def modes(self) -> tuple[str, ...]:
        """`parts`, and ``hybrid`` where there is more than one."""
        return (*self.parts, "hybrid") if len(self.parts) > 1 else self.parts

    def require(self, mode: str) -> None:
        """Raises InputError where this index cannot be searched so, naming what to build."""
        if mode in self.modes:
            return
        if mode not in MODES:
            hint = did_you_mean(mode, MODES) or f"one of {', '.join(self.modes)}"
            raise InputError(f"unknown mode '{mode}'", hint)
        flag = {"bm25": "--bm25", "dense": "--dense MODEL", "hybrid": "--bm25 or --dense MODEL"}[mode]
        raise InputError(
            f"this index cannot be searched by {mode}: it has {', '.join(self.modes)}",
            f"build it with {flag}: splade index DOCS -o DIR {flag.split(' or ')[0]} --force",
        )

    @cached_property
    def lexical(self) -> LexicalSearch:
        """BM25 over all segments."""
        segments = self.index.segments
        parts = [segment.lexical for segment in segments if segment.lexical is not None]
        return LexicalSearch(parts, [segment.alive for segment in segments])

    @cached_property
    def dense_model(self) -> DenseModel:
        """The model of the dense vectors. Raises InputError where nothing opens it."""
        if self._open_dense is None:
            raise InputError(
                "the index does not say which dense model made it", "build it again: --dense MODEL --force"
            )
        return self._open_dense()

    @cached_property
    def _idf(self) -> NDArray[np.float32]:
        return idf(self.index.df, len(self.index))

    def vector(self, query: Pieces) -> sp.csr_matrix:
        """The query's vector [1, V]: the largest weight that any piece gives a term, times the IDF where asked for."""
        vectors = self._encode([text for text, _ in query])
        found = combined(vectors, [weight for _, weight in query]) if len(query) > 1 else vectors
        return reweighted(found, self._idf, self.alpha) if self.alpha else found

    def rank(self, query: Pieces, mode: str, k: int, allowed: NDArray[np.bool_] | None = None) -> Ranked:
        """The `k` best rows.

        Args:
            allowed: bool over all rows; others are no results.

        Raises:
            InputError: a mode that the index cannot do.
        """
        self.require(mode)
        vector = self.vector(query) if mode in ("sparse", "hybrid") else None
        if mode != "hybrid":
            rows, scores = self._by(mode, query, vector, k, allowed)
            return _ranked((rows, scores), vector)
        depth = max(k, DEPTH)
        lists = {part: self._by(part, query, vector, depth, allowed) for part in self.parts}
        if self.weights:
            fused = weighted(list(lists.values()), [self.weights.get(part, 0.0) for part in lists], k)
        else:
            fused = rrf(list(lists.values()), k)
        return _ranked(fused, vector, {part: _places(found) for part, found in lists.items()})

    def _by(
        self, part: str, query: Pieces, vector: Any, k: int, allowed: NDArray[np.bool_] | None
    ) -> Ranking:
        if part == "sparse":
            if self.backend is None:
                return self.index.search_rows(vector, k, allowed=allowed)
            alive = self.index.alive
            if not alive.all():
                allowed = alive if allowed is None else allowed & alive
            return self.backend.search(vector, k, allowed=allowed)
        if part == "bm25":
            return self.lexical.search([query], k, allowed=allowed)
        return self._dense(query, k, allowed)

    def _dense(self, query: Pieces, k: int, allowed: NDArray[np.bool_] | None) -> Ranking:
        """Only the query itself: an expansion in pieces is for vectors of words."""
        vectors = dense.unit(self.dense_model.encode([query[0][0]], "query"))
        found, start = [], 0
        for segment in self.index.segments:
            assert segment.dense is not None
            stop = start + len(segment.rows)
            mask = segment.alive
            if allowed is not None:
                mask = allowed[start:stop] if mask is None else mask & allowed[start:stop]
            rows, scores = dense.search(segment.dense, vectors, k, allowed=mask)
            found.append((np.where(rows >= 0, rows + start, -1), scores))
            start = stop
        return best(found, k, 1)


def _ranked(
    found: Ranking, vector: sp.csr_matrix | None, parts: dict[str, dict[int, tuple[int, float]]] | None = None
) -> Ranked:
    there = found[0][0] >= 0
    return Ranked(found[0][0][there], found[1][0][there], vector, parts or {})


def _places(found: Ranking) -> dict[int, tuple[int, float]]:
    pairs = zip(found[0][0].tolist(), found[1][0].tolist(), strict=True)
    return {row: (rank, score) for rank, (row, score) in enumerate(pairs, 1) if row >= 0}
