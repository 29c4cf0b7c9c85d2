"""What sparse vectors cost: active dimensions, sparsity, FLOPS, latency, size. CSR matrices in, figures out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class Sparsity:
    """Active dimensions of a set of texts: mean, median, 95th percentile, and the share of zeros."""

    mean: float
    median: float
    p95: float
    zeros: float


def sparsity(vectors: sp.csr_matrix) -> Sparsity:
    """Counts the non-zeros of each row of [n, V]."""
    active = np.diff(vectors.indptr)
    if not len(active):
        return Sparsity(0.0, 0.0, 0.0, 1.0)
    return Sparsity(
        mean=float(active.mean()),
        median=float(np.median(active)),
        p95=float(np.percentile(active, 95)),
        zeros=float(1 - active.mean() / vectors.shape[1]),
    )


def flops(queries: sp.csr_matrix, documents: sp.csr_matrix) -> float:
    """Expected multiplications of one query with one document.

    Sum over dimensions of P(active in a query) * P(active in a document) [Formal et al. 2021, arXiv 2107.05720, 4.1].
    """
    if not queries.shape[0] or not documents.shape[0]:
        return 0.0
    in_queries = np.bincount(queries.indices, minlength=queries.shape[1]) / queries.shape[0]
    in_documents = np.bincount(documents.indices, minlength=documents.shape[1]) / documents.shape[0]
    return float(in_queries @ in_documents)


def index_bytes(vectors: sp.csr_matrix) -> int:
    """Bytes of the postings that search reads: a 4-byte row and a 4-byte weight each, 8 bytes a dimension."""
    return int(vectors.nnz * 8 + (vectors.shape[1] + 1) * 8)


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    if not seconds:
        return 0.0, 0.0
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    return float(p50), float(p95)
