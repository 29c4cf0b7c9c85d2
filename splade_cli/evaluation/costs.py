"""Cost of a system: active dimensions, expected FLOPS, size of what a search reads, latency of a query."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from splade_cli.progress import Progress, silent
from splade_cli.reports.histogram import Histogram
from splade_cli.search.batch import as_filter

if TYPE_CHECKING:
    from splade_cli.index.index import SpladeIndex
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.searcher import Searcher

TIMED_QUERIES = 100
TIMED_DEPTH = 10


@dataclass(frozen=True)
class Sparsity:
    """Active dimensions of a set of texts: mean, median, 95th percentile, and the share of zeros.

    `smallest` and `largest` are of single texts, `histogram` has how they are spread; None of no text, and in
    reports that were written without them.
    """

    mean: float
    median: float
    p95: float
    zeros: float
    histogram: Histogram | None = None
    smallest: int | None = None
    largest: int | None = None


@dataclass(frozen=True)
class Cost:
    """What a system costs; latencies in milliseconds, of one query at a time.

    Attributes:
        documents, queries: active dimensions; None where a system does not rank by sparse vectors alone.
        flops: expected multiplications of one query with one document; None likewise.
        index_megabytes: of the postings and dense vectors that a search reads.
        encode_p50, encode_p95: of encoding a query, median and 95th percentile.
        total_p50, total_p95: of a search for it, from its text to its TIMED_DEPTH hits, as the options say.
        index_seconds: how long the index took to make; None where it was made before.
        encode_p99, total_p99: the 99th percentiles, of TIMED_QUERIES queries.
        search_p50, search_p95, search_p99: of the engine alone, from a query's vector to ranked ids.
        queries_per_second: of the same queries at once, in batches.
        longest_share: of all postings, those in the longest hundredth of the posting lists: a search that
            meets one of these reads a great many.
        texts: documents or chunks that were encoded.
    """

    index_megabytes: float
    encode_p50: float
    encode_p95: float
    total_p50: float
    total_p95: float
    documents: Sparsity | None = None
    queries: Sparsity | None = None
    flops: float | None = None
    index_seconds: float | None = None
    encode_p99: float | None = None
    total_p99: float | None = None
    search_p50: float | None = None
    search_p95: float | None = None
    search_p99: float | None = None
    queries_per_second: float | None = None
    longest_share: float | None = None
    texts: int | None = None

    @property
    def texts_per_second(self) -> float | None:
        """Encoded and indexed a second; None where that was done before."""
        if not self.index_seconds or self.texts is None:
            return None
        return self.texts / self.index_seconds


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
        smallest=int(active.min()),
        largest=int(active.max()),
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


def longest_share(vectors: sp.csr_matrix) -> float:
    """Share of all postings that the longest 1% of the posting lists hold, at least one list.

    It is 0.01 where all are alike. Lists without a posting do not count.
    """
    lengths = np.sort(np.bincount(vectors.indices, minlength=1))[::-1]
    lengths = lengths[lengths > 0]
    if not len(lengths):
        return 0.0
    return float(lengths[: max(1, len(lengths) // 100)].sum() / lengths.sum())


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th and 99th percentile, in milliseconds."""
    if not seconds:
        return 0.0, 0.0, 0.0
    p50, p95, p99 = np.percentile(np.array(seconds) * 1000, [50, 95, 99])
    return float(p50), float(p95), float(p99)


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
    timed = queries[:TIMED_QUERIES]
    latencies = _latencies(clock or searcher, timed, options, progress)
    encode_p50, encode_p95, encode_p99 = percentiles(latencies.encode)
    total_p50, total_p95, total_p99 = percentiles(latencies.total)
    search_p50, search_p95, search_p99 = percentiles(latencies.search)
    measured = Cost(
        index_megabytes=sum(part_bytes(index, part) for part in _parts(searcher, options)) / 1e6,
        encode_p50=encode_p50,
        encode_p95=encode_p95,
        total_p50=total_p50,
        total_p95=total_p95,
        index_seconds=index_seconds,
        encode_p99=encode_p99,
        total_p99=total_p99,
        search_p50=search_p50,
        search_p95=search_p95,
        search_p99=search_p99,
        queries_per_second=latencies.queries_per_second,
        texts=len(index),
    )
    if searcher.ranker.mode_of(options) != "sparse":
        return measured
    texts = [searcher.expanded(query, options) for query in queries]
    encoded = searcher.ranker.vectors(texts, options.idf_exponent)
    stored = live_vectors(index)
    return replace(
        measured,
        documents=sparsity(stored),
        queries=sparsity(encoded),
        flops=flops(encoded, stored),
        longest_share=longest_share(stored),
    )


def live_vectors(index: SpladeIndex) -> sp.csr_matrix:
    """The sparse vectors of all texts that can be found."""
    live = index.live_rows()
    if len(live) < index.vectors.shape[0]:
        return index.vectors[live]
    return index.vectors


def part_bytes(index: SpladeIndex, part: str) -> int:
    """Bytes of what a search by one part of an index reads at most."""
    if part == "sparse":
        return index_bytes(live_vectors(index))
    if part == "bm25":
        return sum(index_bytes(each.bm25.counts) for each in index.segments if each.bm25 is not None)
    return sum(each.dense.nbytes for each in index.segments if each.dense is not None)


def _parts(searcher: Searcher, options: SearchOptions) -> list[str]:
    """What a search asks: its mode, or the parts of a hybrid that have a weight."""
    mode = searcher.ranker.mode_of(options)
    if mode != "hybrid":
        return [mode]
    weights = options.fusion_weights(searcher.ranker.parts)
    return [part for part in searcher.ranker.parts if weights is None or weights.get(part, 0.0)]


@dataclass(frozen=True)
class _Latencies:
    """Seconds of each query: to encode it, to search by its vector, and, apart from these, as a user does."""

    encode: list[float]
    search: list[float]
    total: list[float]
    queries_per_second: float | None


@contextmanager
def _old_objects_at_rest() -> Iterator[None]:
    """Keeps the collection of garbage away from the objects that are there: to look at all of them takes as
    long as a hundred queries do, which would be one query's latency."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _latencies(
    searcher: Searcher, queries: Sequence[str], options: SearchOptions, progress: Progress
) -> _Latencies:
    encode_seconds = []
    search_seconds = []
    total_seconds = []
    definite = replace(options, mode=searcher.ranker.mode_of(options))
    passing = None if options.filter is None else as_filter(options.filter)
    for query in queries[:1]:  # what the first query of a process pays once is no latency of the others
        vectors = searcher.ranker.encode([searcher.expanded(query, definite)], definite)
        searcher.ranker.rank(vectors, TIMED_DEPTH, definite, passing)
    with _old_objects_at_rest():
        for number, query in enumerate(queries, 1):
            start = time.perf_counter()
            vectors = searcher.ranker.encode([searcher.expanded(query, definite)], definite)
            encoded = time.perf_counter()
            searcher.ranker.rank(vectors, TIMED_DEPTH, definite, passing)
            ranked = time.perf_counter()
            searcher.search([query], TIMED_DEPTH, options)
            answered = time.perf_counter()
            encode_seconds.append(encoded - start)
            search_seconds.append(ranked - encoded)
            total_seconds.append(answered - ranked)
            progress("time queries", number, len(queries))
    start = time.perf_counter()
    searcher.search(list(queries), TIMED_DEPTH, options)
    seconds = time.perf_counter() - start
    per_second = len(queries) / seconds if queries and seconds else None
    return _Latencies(encode_seconds, search_seconds, total_seconds, per_second)
