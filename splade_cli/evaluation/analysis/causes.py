"""Likely causes of a lost query: vocabulary gap, cut text, near-duplicate ranked above, unjudged on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import scipy.sparse as sp

from splade_cli.corpus.near_duplicates import Shingles, hashed_shingles, jaccard
from splade_cli.corpus.segmentation.text_model import Tokens
from splade_cli.engines.base import VectorStore
from splade_cli.evaluation.analysis.lost import CUT_TEXT as CUT
from splade_cli.evaluation.analysis.lost import NEAR_DUPLICATE as NEAR
from splade_cli.evaluation.analysis.lost import VOCABULARY_GAP, DecidingTerm
from splade_cli.search.explain.terms import term_name
from splade_cli.search.searcher import Searcher

SIMILAR = 0.6
"""Jaccard similarity of shingles from which on two texts are nearly the same."""
DECIDING = 5
"""Terms that are named."""


class SparseView:
    """What the sparse vectors of an index say about a query and documents.

    Args:
        searcher: over an engine that has its vectors.
        idf_exponent: of the search that is looked at.
    """

    def __init__(self, searcher: Searcher, idf_exponent: float = 0.0) -> None:
        self._searcher = searcher
        self._store = cast(VectorStore, searcher.engine)
        self._idf_exponent = idf_exponent

    def query(self, text: str) -> sp.csr_matrix:
        """The vector [1, V] of a query."""
        return self._searcher.ranker.vectors([[(text, 1.0)]], self._idf_exponent)

    def contributions(self, query: sp.csr_matrix, document: str) -> dict[int, float]:
        """What each term adds to the score of a document's best chunk; empty where nothing is shared."""
        chunks = self._searcher.engine.chunks_of(document)
        if not chunks:
            return {}
        shared = self._store.vectors(chunks).multiply(query).tocsr()
        best = int(np.argmax(np.asarray(shared.sum(axis=1)).ravel()))
        row = shared[best]
        return dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))

    def deciding(self, query: sp.csr_matrix, above: str, relevant: str) -> tuple[DecidingTerm, ...]:
        """The terms that put `above` before `relevant`: largest differences of their contributions."""
        gained = self.contributions(query, above)
        had = self.contributions(query, relevant)
        differences = {column: gained[column] - had.get(column, 0.0) for column in gained}
        first = sorted(differences, key=lambda column: (-differences[column], column))[:DECIDING]
        names = self._searcher.vocabulary
        return tuple(
            DecidingTerm(term_name(names, column), gained[column], had.get(column, 0.0))
            for column in first
            if differences[column] > 0
        )


def causes_of(
    query: sp.csr_matrix | None,
    missed: Sequence[str],
    above: Sequence[str],
    relevant: Sequence[str],
    texts: Mapping[str, str],
    view: SparseView | None,
    tokens: Tokens | None,
) -> list[str]:
    """What a query may have been lost by, of what can be told; see `lost` for the names.

    Args:
        query: its vector, with `view`.
        missed: relevant documents that are not among the first results.
        above: documents that are not relevant and stand above one that is.
        relevant: all relevant documents.
        texts: of documents, as they were encoded.
        tokens: of the model, where it read documents whole.
    """
    found = []
    if view is not None and query is not None and any(not view.contributions(query, name) for name in missed):
        found.append(VOCABULARY_GAP)
    if tokens is not None and any(tokens.count(texts.get(name, "")) > tokens.window for name in missed):
        found.append(CUT)
    if any(
        jaccard(_shingles(texts.get(one, "")), _shingles(texts.get(two, ""))) >= SIMILAR
        for one in above
        for two in relevant
    ):
        found.append(NEAR)
    return found


@lru_cache(maxsize=4096)
def _shingles(text: str) -> Shingles:
    return hashed_shingles(text)
