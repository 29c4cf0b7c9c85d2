"""Checksums of an index: what comparing them costs, at its opening and where a block is first read.

    python benchmarks/checks.py INDEX [--queries 200] [--rounds 5]

Queries are the eight largest terms of rows, evenly spaced. In each round the index is opened anew and asked the same
queries twice: the first pass compares each block that it touches, the second compares nothing. One thread; the files
are in memory (page cache). Medians over the rounds, CPU time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from splade_cli.index.index import SpladeIndex

TERMS = 8


def queries_of(index: SpladeIndex, count: int) -> list[sp.csr_matrix]:
    """The largest terms of rows, evenly spaced."""
    queries = []
    for row in np.linspace(0, len(index) - 1, count).astype(int):
        vector = index.vector(int(row))
        largest = np.sort(np.argsort(-vector.data, kind="stable")[:TERMS])
        weights = (vector.data[largest], vector.indices[largest], np.array([0, len(largest)]))
        queries.append(sp.csr_matrix(weights, shape=vector.shape))
    return queries


def seconds(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    index = SpladeIndex.open(arguments.index)
    queries = queries_of(index, arguments.queries)

    def asked() -> None:
        for query in queries:
            index.search(query, 10)

    asked()  # loops are compiled, files are read once
    opened, first, second, verified = [], [], [], []
    for _ in range(arguments.rounds):
        started = time.process_time()
        index = SpladeIndex.open(arguments.index)
        opened.append(time.process_time() - started)
        first.append(seconds(asked))
        second.append(seconds(asked))
        verified.append(seconds(lambda: SpladeIndex.open(arguments.index, verify=True)))
    size = sum(path.stat().st_size for path in arguments.index.rglob("*") if path.is_file())
    each = 1e3 / len(queries)
    print(f"{len(index):,} rows, {size / 1e6:.0f} MB: opened in {statistics.median(opened) * 1e3:.1f} ms")
    print(f"a query that compares   {statistics.median(first) * each:.3f} ms, of {len(queries)} in a row")
    print(f"the same once more      {statistics.median(second) * each:.3f} ms")
    print(f"all of it (verify)      {statistics.median(verified):.2f} s")


if __name__ == "__main__":
    main()
