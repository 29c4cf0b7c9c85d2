"""Two-step search: candidates from an index of pruned vectors, scored with the full ones.

The first step searches each document's few largest terms with each query's few largest, weights saturated as
in BM25; the second scores its best rows with the full vectors [Lassance, Déjean, Clinchant and Tonellotto
2024, arXiv 2404.13357]. Scores are those of a full search; only which rows come up is approximate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.local import LocalEngine, Mask
from splade_cli.errors import IndexFolderError, InputError, OptionError, did_you_mean, require_positive
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.running.merging import RankedRows
from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.pruning import keep_top, saturated

NAME = "two-step"


@dataclass(frozen=True)
class Steps:
    """What the first step sees.

    Attributes:
        document_terms, query_terms: largest terms of a document and of a query; all of a query where None.
        candidates: rows that go to the second step.
        k1: BM25's, of the saturation; None for none.
    """

    document_terms: int = 64
    query_terms: int | None = 16
    candidates: int = 100
    k1: float | None = 1.0

    def prune(self, vectors: sp.csr_matrix) -> sp.csr_matrix:
        """Documents' vectors as the first step has them."""
        pruned = keep_top(vectors, self.document_terms)
        if self.k1 is None:
            return pruned
        return saturated(pruned, self.k1)


class TwoStep:
    """Two-step search of rows; called as `Postings` are.

    Args:
        first: postings of the pruned vectors.
        vectors: the full ones [rows, dimensions].
        steps: how `first` was made.
    """

    def __init__(self, first: Postings, vectors: sp.csr_matrix, steps: Steps) -> None:
        if first.shape != vectors.shape:
            raise IndexFolderError(
                f"the first step has shape {first.shape}, the vectors {vectors.shape}", "make the index again"
            )
        self.shape = first.shape
        self.steps = steps
        self.first = first
        self._vectors = vectors

    @classmethod
    def build(cls, vectors: sp.csr_matrix, steps: Steps) -> TwoStep:
        """In memory."""
        return cls(Postings.build(steps.prune(vectors)), vectors, steps)

    def search(
        self,
        queries: sp.csr_matrix,
        k: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> RankedRows:
        """As `Postings.search`, of the candidates: at most `steps.candidates`, or k if that is larger."""
        require_positive(k=k)
        _require_width(queries, self.shape[1])
        matrix = sp.csr_matrix(queries, dtype=np.float32)
        pruned = matrix
        if self.steps.query_terms is not None:
            pruned = keep_top(matrix, self.steps.query_terms)
        candidates = max(k, self.steps.candidates)
        rows, _ = self.first.search(pruned, candidates, allowed=allowed, threads=threads)
        return score_candidates(self._vectors, matrix, rows, k)


def score_candidates(
    vectors: sp.csr_matrix, queries: sp.csr_matrix, rows: NDArray[np.int64], k: int
) -> RankedRows:
    """The k best of candidate `rows` [q, c], -1 where there is none.

    Args:
        vectors: full CSR vectors [rows, dimensions], terms ascending.
        queries: CSR [q, dimensions].

    Returns:
        Rows and scores [q, k], the latter to the bit as `Postings.search` gives them.

    Raises:
        InputError: queries of another width.
    """
    _require_width(queries, vectors.shape[1])
    best = np.full((len(rows), k), -1, dtype=np.int64)
    scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
    weights = np.zeros(vectors.shape[1], dtype=np.float32)
    for number in range(len(rows)):
        candidates = rows[number][rows[number] >= 0]
        span = slice(queries.indptr[number], queries.indptr[number + 1])
        terms = queries.indices[span]
        np.add.at(weights, terms, queries.data[span])
        sums, shared = _dot_products(vectors, candidates, weights)
        weights[terms] = 0
        order = shared[np.lexsort((candidates[shared], -sums[shared]))[:k]]
        best[number, : len(order)] = candidates[order]
        scores[number, : len(order)] = sums[order]
    return best, scores


def _dot_products(
    vectors: sp.csr_matrix, rows: NDArray[np.int64], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Dot products of `rows` with a dense query [dimensions]; the positions of those that share a term."""
    starts = vectors.indptr[rows]
    lengths = vectors.indptr[rows + 1] - starts
    ends = np.cumsum(lengths)
    postings = np.arange(lengths.sum()) + np.repeat(starts - (ends - lengths), lengths)
    weight = weights[vectors.indices[postings]]
    shared = weight != 0
    owners = np.repeat(np.arange(len(rows)), lengths)[shared]
    sums = np.zeros(len(rows), dtype=np.float32)
    # add.at adds one after the other in float32, in the order of terms; a reduction would add in pairs
    np.add.at(sums, owners, weight[shared] * vectors.data[postings[shared]])
    return sums, np.flatnonzero(np.bincount(owners, minlength=len(rows)))


def _require_width(queries: sp.csr_matrix, dimensions: int) -> None:
    if queries.shape[1] != dimensions:
        raise InputError(
            f"queries have {queries.shape[1]} dimensions, the index has {dimensions}",
            "encode queries with the model that made the index",
        )


class TwoStepEngine(LocalEngine):
    """A local engine whose sparse search finds texts in pruned vectors; scores are those of the full ones.

    Args:
        index: what is searched.
        two_step: over all rows of `index`.
    """

    def __init__(self, index: SpladeIndex, two_step: TwoStep) -> None:
        super().__init__(index)
        self._two_step = two_step
        self._capabilities = self._capabilities - {"exact"}

    @classmethod
    def open(cls, index: SpladeIndex, setting: str) -> TwoStepEngine:
        """With a first step made in memory: an index folder that is searched is not written into.

        Args:
            setting: ``two-step``, or ``two-step=D:Q`` for a first step of D terms a document and Q a query.

        Raises:
            InputError: another setting.
        """
        name, _, terms = setting.partition("=")
        if name != NAME:
            hint = did_you_mean(name, [NAME]) or f"beside exact there is {NAME}"
            raise OptionError(f"unknown backend '{setting}'", hint)
        steps = Steps()
        if terms:
            steps = parse_steps(terms)
        return cls(index, TwoStep.build(index.vectors, steps))

    def _search_rows(self, queries: sp.csr_matrix, k: int, allowed: Mask | None) -> RankedRows:
        alive = self.index.alive
        if allowed is not None:
            allowed = allowed & alive
        elif not alive.all():
            allowed = alive
        return self._two_step.search(queries, k, allowed=allowed)


def parse_steps(setting: str) -> Steps:
    """``D:Q`` as steps. Raises InputError for another text."""
    document_terms, _, query_terms = setting.partition(":")
    numbers = document_terms.isdecimal() and (query_terms or "0").isdecimal()
    if not numbers or int(document_terms) == 0:
        raise OptionError(f"{NAME} takes D:Q terms, got '{setting}'", f"e.g. {NAME}=64:16")
    return Steps(int(document_terms), int(query_terms or 0) or None)
