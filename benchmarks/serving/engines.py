"""Remote engines on real servers: loading, searching, recall and size, beside the local index.

    python benchmarks/serving/engines.py --cache DIR --documents 10000 [--engines postgres postgres-hnsw seekdb milvus]

Real short texts encoded by `tiny` (benchmarks/vectors.py), 37 to 39 non-zeros, or long ones of about 242 with --long.
Each server is started, filled through the push of `splade push`, asked 200 queries one by one, k = 10, and stopped.
CPU time is that of the client and of all processes of the server together, so that it means something on a machine that
does other things as well; wall times are given beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import scipy.sparse as sp

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import vectors as real  # noqa: E402

from splade_cli.engines.base import Engine  # noqa: E402
from splade_cli.engines.local import LocalEngine  # noqa: E402
from splade_cli.engines.remote.engine import RemoteEngine  # noqa: E402
from splade_cli.engines.remote.opening import open_store  # noqa: E402
from splade_cli.engines.remote.pushing.parity import parity  # noqa: E402
from splade_cli.engines.remote.pushing.push import push  # noqa: E402
from splade_cli.index.index import SpladeIndex  # noqa: E402
from splade_cli.records import Chunk  # noqa: E402
from tests.engines import servers  # noqa: E402

QUERIES, HITS = 200, 10
HEAD = (
    "| engine | load, rows/s | CPU ms a row | query p50, ms | p95 | CPU ms a query | recall@10 | MB on disk |"
)


def cpu_seconds(process: int | None) -> float:
    """CPU time so far of this process, and of another with all that it started."""
    own = time.process_time()
    if process is None:
        return own
    parent = psutil.Process(process)
    times = parent.cpu_times()
    spent = times.user + times.system + times.children_user + times.children_system
    for child in parent.children(recursive=True):
        of_child = child.cpu_times()
        spent += of_child.user + of_child.system
    return own + spent


def on_disk(folder: Path) -> float:
    """Megabytes of a folder, holes of files not counted."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6


def asked(engine: Engine, queries: sp.csr_matrix, process: int | None) -> tuple[list[float], float]:
    """Seconds of each query, and CPU seconds of all."""
    for number in range(5):
        engine.search(queries[number], HITS)
    before = cpu_seconds(process)
    seconds = []
    for number in range(queries.shape[0]):
        started = time.perf_counter()
        engine.search(queries[number], HITS)
        seconds.append(time.perf_counter() - started)
    return seconds, cpu_seconds(process) - before


def line(
    name: str, load: tuple[float, float], asked: tuple[list[float], float], recall: str, size: str
) -> None:
    seconds, cpu = asked
    rate = f"{load[0]:,.0f} | {load[1]:.2f}" if load[0] else " | "
    p50, p95 = np.percentile(np.array(seconds) * 1e3, [50, 95])
    print(
        f"| {name} | {rate} | {p50:.2f} | {p95:.2f} | {cpu / len(seconds) * 1e3:.2f} | {recall} | {size} |",
        flush=True,
    )


def measure(name: str, index: SpladeIndex, queries: sp.csr_matrix) -> None:
    kind, _, setting = name.partition("-")
    start: Callable[[], servers.AbstractContextManager[servers.Server]] = getattr(servers, kind)
    with start() as server:
        empty = on_disk(server.folder)
        store, address = open_store(f"{server.url}docs" + (f"&index={setting}" if setting else ""))
        before = cpu_seconds(server.process)
        started = time.perf_counter()
        push(index, store, str(address))
        wall = time.perf_counter() - started
        cpu = cpu_seconds(server.process) - before
        size = (store.size_bytes() or 0) / 1e6 or on_disk(server.folder) - empty
        remote = RemoteEngine.open(store, str(address))
        times = asked(remote, queries, server.process)
        found = parity(index, LocalEngine(index), remote, queries, store.tolerance)
        store.close()
    load = (len(index) / wall, cpu / len(index) * 1e3)
    line(name, load, times, f"{found.recall:.4f}", f"{size:,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cache", type=Path, required=True, help="of encoded texts, as benchmarks/vectors.py"
    )
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--long", action="store_true", help="documents of about 242 non-zeros")
    parser.add_argument("--engines", nargs="+", default=["postgres", "postgres-hnsw", "seekdb", "milvus"])
    given = parser.parse_args()
    made = real.long_documents if given.long else real.documents
    documents = made(given.documents, given.cache)
    texts = real.sentences()[: documents.shape[0]]
    chunks = [Chunk(f"d{number}", f"d{number}", text) for number, text in enumerate(texts)]
    queries = real.queries(QUERIES, given.cache)
    index = SpladeIndex.from_vectors(documents, chunks=chunks)
    mean = documents.nnz / documents.shape[0]
    print(f"{documents.shape[0]:,} documents of {mean:.0f} non-zeros, {QUERIES} queries\n\n{HEAD}")
    print("|---" * 8 + "|", flush=True)
    line("local index", (0, 0), asked(LocalEngine(index), queries, None), "1.0000", "")
    for name in given.engines:
        measure(name, index, queries)


if __name__ == "__main__":
    main()
