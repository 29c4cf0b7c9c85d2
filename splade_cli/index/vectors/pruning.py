"""Static pruning of sparse vectors.

Lassance, Lupart, Déjean, Clinchant and Tonellotto 2023 (arXiv 2304.12702) compare what to leave out of
learned sparse
vectors: a number of terms a document, or every weight below one threshold. A share of each vector's mass is
the third way [Bruch, Nardini, Rulli and Venturini 2024, arXiv 2404.18812]. The results are vectors as any
other, of the same shape, which the same engine searches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import OptionError, require_at_most, require_positive

MOST_TERMS = (1 << 31) - 1
"""As many dimensions as an index can have."""


@dataclass(frozen=True)
class Pruning:
    """What an index leaves out of each vector, for those that come later too; nothing where nothing is set.

    Attributes:
        terms: the largest weights of a vector that are kept.
        mass: the share of a vector's sum of absolute weights that is kept, of what `terms` left.

    Raises:
        InputError: terms below 1, a share that is not above 0 and at most 1.
    """

    terms: int | None = None
    mass: float | None = None

    def __post_init__(self) -> None:
        if self.terms is not None:
            require_positive(prune_terms=self.terms)
            require_at_most(MOST_TERMS, prune_terms=self.terms)
        if self.mass is not None:
            _check_share(self.mass)

    def applied(self, vectors: sp.csr_matrix) -> sp.csr_matrix:
        """The vectors that are stored. Not twice: a share of what is left is less."""
        if self.terms is not None:
            vectors = keep_top(vectors, self.terms)
        return vectors if self.mass is None else keep_mass(vectors, self.mass)


def keep_top(vectors: sp.csr_matrix, terms: int) -> sp.csr_matrix:
    """The `terms` largest absolute weights of each row, of equal ones the first. Raises InputError below
    1."""
    require_positive(prune_terms=terms)
    order, start = _descending(vectors)
    mask = np.zeros(vectors.nnz, dtype=bool)
    mask[order[np.arange(vectors.nnz) - start < terms]] = True
    return _masked(vectors, mask)


def keep_mass(vectors: sp.csr_matrix, share: float) -> sp.csr_matrix:
    """The fewest, largest weights of each row that reach `share` of the sum of its absolute weights.

    Raises:
        InputError: a share that is not above 0 and at most 1.
    """
    _check_share(share)
    order, start = _descending(vectors)
    weights = np.abs(vectors.data[order].astype(np.float64))
    before = np.concatenate([[0.0], np.cumsum(weights)])
    lengths = np.diff(vectors.indptr)
    total = np.repeat(np.add.reduceat(np.append(weights, 0.0), vectors.indptr[:-1]) * (lengths > 0), lengths)
    mask = np.zeros(vectors.nnz, dtype=bool)
    # The first weight is kept whatever the rounding of long sums.
    reached = (before[:-1] - before[start] >= share * total) & (np.arange(vectors.nnz) > start)
    mask[order[~reached]] = True
    return _masked(vectors, mask)


def saturated(vectors: sp.csr_matrix, k1: float) -> sp.csr_matrix:
    """Each weight w as (k1 + 1) w / (k1 + |w|), so that no single term outweighs the rest, as in BM25.

    Raises:
        InputError: k1 is not above 0.
    """
    require_positive(saturation=k1)
    weights = (vectors.data * np.float32(k1 + 1) / (np.abs(vectors.data) + np.float32(k1))).astype(np.float32)
    return sp.csr_matrix((weights, vectors.indices, vectors.indptr), shape=vectors.shape)


def _descending(vectors: sp.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the weights, row after row, largest first; and for each of them where its row starts."""
    lengths = np.diff(vectors.indptr)
    # One integer holds row and weight, whose bits are ordered as absolute float32 are: one sort instead of
    # three.
    keys = np.repeat(np.arange(vectors.shape[0], dtype=np.uint64) << np.uint64(32), lengths)
    keys |= np.uint64(0xFFFFFFFF) - np.abs(vectors.data.astype(np.float32, copy=False)).view(np.uint32)
    return np.argsort(keys, kind="stable"), np.repeat(vectors.indptr[:-1], lengths).astype(np.int64)


def _masked(vectors: sp.csr_matrix, mask: NDArray[np.bool_]) -> sp.csr_matrix:
    ends = np.concatenate([[0], np.cumsum(mask)])[vectors.indptr]
    return sp.csr_matrix((vectors.data[mask], vectors.indices[mask], ends), shape=vectors.shape)


def _check_share(share: float) -> None:
    if not 0 < share <= 1:
        raise OptionError(f"a share must be above 0 and at most 1, got {share}", "e.g. 0.8")
