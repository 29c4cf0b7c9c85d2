"""An index and the encoder of its queries in, what searching costs out: terms, FLOPS, megabytes, milliseconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass

import scipy.sparse as sp

from splade_cli.evaluation.fidelity import Encode
from splade_cli.evaluation.sparsity import Sparsity, flops, index_bytes, percentiles, sparsity
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Progress

TIMED_QUERIES = 100


@dataclass(frozen=True)
class Cost:
    """What a sparse system costs; latencies in milliseconds for one query at a time, encoding included in `total`."""

    documents: Sparsity
    queries: Sparsity
    flops: float
    index_megabytes: float
    encode_seconds: float
    encode_p50: float
    encode_p95: float
    total_p50: float
    total_p95: float


def cost_of(
    encode: Encode,
    texts: Sequence[str],
    queries: sp.csr_matrix,
    index: SpladeIndex,
    seconds: float,
    progress: Progress,
) -> Cost:
    """What an index costs for `texts`, whose vectors are `queries`; the first TIMED_QUERIES are timed one by one."""
    encode_seconds, total_seconds = [], []
    gc.collect()
    timed = texts[:TIMED_QUERIES]
    for number, text in enumerate(timed, 1):
        start = time.perf_counter()
        vector = encode([text])
        middle = time.perf_counter()
        index.search_rows(vector, 10)
        encode_seconds.append(middle - start)
        total_seconds.append(time.perf_counter() - start)
        progress("time queries", number, len(timed))
    encode_p50, encode_p95 = percentiles(encode_seconds)
    total_p50, total_p95 = percentiles(total_seconds)
    return Cost(
        documents=sparsity(index.vectors),
        queries=sparsity(queries),
        flops=flops(queries, index.vectors),
        index_megabytes=index_bytes(index.vectors) / 1e6,
        encode_seconds=seconds,
        encode_p50=encode_p50,
        encode_p95=encode_p95,
        total_p50=total_p50,
        total_p95=total_p95,
    )
