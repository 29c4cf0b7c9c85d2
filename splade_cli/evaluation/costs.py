"""Cost of a sparse system: active dimensions, expected FLOPS, size of the postings, latency of a query."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.progress import Progress, silent

if TYPE_CHECKING:
    from splade_cli.index.index import SpladeIndex
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.searcher import Searcher

TIMED_QUERIES = 100
TIMED_DEPTH = 10
BINS = 30


@dataclass(frozen=True)
class Histogram:
    """How many texts have so many active dimensions: bin i counts from ``low + i * width`` on."""

    low: int
    width: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, active: NDArray[np.integer]) -> Histogram:
        """Of one number a text, in at most BINS bins of the same width."""
        low = int(active.min())
        width = max(1, -(-(int(active.max()) - low + 1) // BINS))
        counts = np.bincount((active - low) // width)
        return cls(low, width, tuple(counts.tolist()))


@dataclass(frozen=True)
class Sparsity:
    """Active dimensions of a set of texts: mean, median, 95th percentile, and the share of zeros.

    `histogram` has how they are spread; None of no text, and in reports that were written without it.
    """

    mean: float
    median: float
    p95: float
    zeros: float
    histogram: Histogram | None = None


@dataclass(frozen=True)
class Cost:
    """What a sparse system costs; latencies in milliseconds, of one query at a time.

    Attributes:
        flops: expected multiplications of one query with one document.
        index_megabytes: of the postings that a search reads.
        encode_p50, encode_p95: of encoding a query, median and 95th percentile.
        total_p50, total_p95: of a search for it, from its text to its TIMED_DEPTH hits, as the options say.
        index_seconds: how long the index took to make; None where it was made before.
    """

    documents: Sparsity
    queries: Sparsity
    flops: float
    index_megabytes: float
    encode_p50: float
    encode_p95: float
    total_p50: float
    total_p95: float
    index_seconds: float | None = None


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
        histogram=Histogram.of(active),
    )


def flops(queries: sp.csr_matrix, documents: sp.csr_matrix) -> float:
    """Expected multiplications of one query with one document.

    Sum over dimensions of P(active in a query) * P(active in a document) [Formal et al. 2021, arXiv
    2107.05720, 4.1].
    """
    if not queries.shape[0] or not documents.shape[0]:
        return 0.0
    in_queries = np.bincount(queries.indices, minlength=queries.shape[1]) / queries.shape[0]
    in_documents = np.bincount(documents.indices, minlength=documents.shape[1]) / documents.shape[0]
    return float(in_queries @ in_documents)


def index_bytes(vectors: sp.csr_matrix) -> int:
    """Bytes of the postings that search reads: a 4-byte row and a 4-byte weight each, 8 bytes a dimension."""
    return int(vectors.nnz * 8 + (vectors.shape[1] + 1) * 8)


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    if not seconds:
        return 0.0, 0.0
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    return float(p50), float(p95)


def cost_of(
    searcher: Searcher,
    index: SpladeIndex,
    queries: Sequence[str],
    options: SearchOptions,
    *,
    clock: Searcher | None = None,
    index_seconds: float | None = None,
    progress: Progress = silent,
) -> Cost:
    """What it costs to search `index` for `queries`; the first TIMED_QUERIES are timed one by one.

    Args:
        searcher: over `index`.
        clock: a searcher to time where `searcher` keeps queries that it has encoded.
    """
    texts = [searcher.expanded(query, options) for query in queries]
    encoded = searcher.ranker.vectors(texts, options.idf_exponent)
    timed = queries[:TIMED_QUERIES]
    encode_seconds, total_seconds = _latencies(clock or searcher, timed, options, progress)
    encode_p50, encode_p95 = percentiles(encode_seconds)
    total_p50, total_p95 = percentiles(total_seconds)
    live = index.live_rows()
    stored = index.vectors
    if len(live) < stored.shape[0]:
        stored = stored[live]
    return Cost(
        documents=sparsity(stored),
        queries=sparsity(encoded),
        flops=flops(encoded, stored),
        index_megabytes=index_bytes(stored) / 1e6,
        encode_p50=encode_p50,
        encode_p95=encode_p95,
        total_p50=total_p50,
        total_p95=total_p95,
        index_seconds=index_seconds,
    )


def _latencies(
    searcher: Searcher, queries: Sequence[str], options: SearchOptions, progress: Progress
) -> tuple[list[float], list[float]]:
    """Seconds to encode each query, and, apart from that, to search for it as a user does."""
    encode_seconds = []
    total_seconds = []
    gc.collect()
    for number, query in enumerate(queries, 1):
        start = time.perf_counter()
        searcher.encode(query, options)
        encoded = time.perf_counter()
        searcher.search([query], TIMED_DEPTH, options)
        answered = time.perf_counter()
        encode_seconds.append(encoded - start)
        total_seconds.append(answered - encoded)
        progress("time queries", number, len(queries))
    return encode_seconds, total_seconds
