"""The exact engine against its peers: same vectors, same queries, one thread each, asked in turn in one
process.

    python benchmarks/engine.py --cache FOLDER [--rows 100000 1000000] [--peers-path FOLDER ...] [--only BMP]
    python benchmarks/engine.py --cache FOLDER --part latency|threads|build|cold|growth

The vectors are real (see vectors.py), or --made-up for latency and threads. Latency: p50 over the queries,
asked one by one; engines take turns of 25 queries (--turn 1: of one, so that each finds the caches full of
another's), the same ones, in an order that moves on by one each turn. With --cpu the time is that of the
process, for machines that others use. Ratio is theirs over ours. Where a peer rounds weights, its overlap with
the exact top 10 says so. Threads: one query on one thread and on all cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from peers.installed import available, built
from peers.peer import Peer
from vectors import documents, long_documents, made_up, queries

from splade_cli.cores import available_threads
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.postings_file import write_postings
from splade_cli.index.engine.running.queries import load_loops
from splade_cli.index.index import SpladeIndex

KS = (10, 1000)
TURN = 25
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
ONE_AND_ALL: tuple[tuple[str, int | None], ...] = (
    ("one thread", 1),
    (f"threads for {available_threads()} cores", None),
)
DEMANDS = {
    "splade-index": (1.5, 2.0, 1.3),
    "qdrant-edge": (3.0, 3.0, 2.0),
    "BMP": (4.0, 1.5, 4.0),
    "PISA": (5.0, 5.0, 4.0),
    "scipy": (25.0, 18.0, 8.0),
}
"""Ratios asked for at 100,000 rows and k = 10, at 1,000,000 and k = 10, and at k = 1000."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--turn", type=int, nargs="+", default=[TURN], help="queries of a turn")
    parser.add_argument("--cpu", action="store_true", help="CPU time of this process in latency")
    parser.add_argument("--made-up", action="store_true", help="vectors at random, no text is encoded")
    parser.add_argument("--only", nargs="+")
    parser.add_argument(
        "--peers-path", type=Path, nargs="+", default=[], help="more folders with peers' packages"
    )
    parser.add_argument("--part", choices=["latency", "threads", "build", "cold", "growth"], nargs="+")
    parser.add_argument("--measure-build", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not ONE_THREAD.items() <= os.environ.items():  # libraries read it when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    peers = available(options.only, options.peers_path)
    if options.measure_build:
        _build_here(options.measure_build[0], int(options.measure_build[1]), options.cache, peers)
        return
    load_loops()  # else a new installation is measured without them
    parts = options.part or ["latency", "threads", "build", "cold", "growth"]
    if not options.made_up:
        asked = queries(1000, options.cache)
    for rows in options.rows:
        if options.made_up:
            vectors, asked = made_up(rows, options.queries)
        else:
            vectors = documents(rows, options.cache)
        print(f"\n{rows_and_terms(vectors)}, queries of {asked.nnz / asked.shape[0]:.1f}", flush=True)
        if "latency" in parts:
            latency(vectors, asked, peers, options)
        if "threads" in parts:
            threads(vectors, asked, options.queries)
        if "cold" in parts:
            cold(vectors, asked[:1])
        if "build" in parts:
            build(rows, options, peers)
    if "growth" in parts:
        growth(options.cache, asked, options.rows[-1])


def rows_and_terms(vectors: sp.csr_matrix) -> str:
    """Rows and mean non-zeros, in words."""
    return f"{vectors.shape[0]:,} rows of {vectors.nnz / max(1, vectors.shape[0]):.1f} non-zeros"


def latency(
    vectors: sp.csr_matrix, asked: sp.csr_matrix, peers: list[type[Peer]], options: argparse.Namespace
) -> None:
    """Prints p50 of each engine and the ratio to ours, for every k and length of a turn."""
    count = options.queries
    clock = time.process_time if options.cpu else time.perf_counter
    postings = Postings.build(vectors)
    with tempfile.TemporaryDirectory() as place:
        others = [(peer.label, built(peer, vectors, Path(place) / peer.__name__)) for peer in peers]
        engines: dict[str, tuple[list[Any], Callable[[Any, int], Any]]] = {}
        engines["ours"] = ([asked[number] for number in range(count)], partial(postings.search, threads=1))
        for label, peer in others:
            if peer is not None:
                engines[label] = ([peer.prepare(asked[number]) for number in range(count)], peer.search)
        exact = postings.search(asked[:count], 10)[0].tolist()
        overlap = {
            label: statistics.mean(
                len(set(peer.rows(peer.search(engines[label][0][number], 10))) & set(exact[number])) / 10
                for number in range(min(100, count))
            )
            for label, peer in others
            if peer is not None
        }
        for k, turn in product(KS, options.turn):
            times = interleaved(engines, k, count, turn, clock)
            ours = statistics.median(times["ours"])
            for label, taken in times.items():
                p50, p95 = statistics.median(taken), float(np.percentile(taken, 95))
                line = (
                    f"  k={k:<5} turns of {turn:<3} {label:<14} p50 {p50 * 1e3:8.3f} ms  p95 {p95 * 1e3:8.3f}"
                )
                if label != "ours":
                    goal = DEMANDS.get(label, (0.0, 0.0, 0.0))[
                        2 if k != 10 else 0 if vectors.shape[0] < 500_000 else 1
                    ]
                    asked_for = f" (asked {goal:g}x)" if goal else ""
                    line += f"  ratio {p50 / ours:6.2f}x{asked_for}  overlap {overlap[label]:.3f}"
                print(line, flush=True)


def threads(vectors: sp.csr_matrix, asked: sp.csr_matrix, count: int) -> None:
    """Prints the wall time of one query on one thread and on every core that this process may use."""
    postings = Postings.build(vectors)
    prepared = [asked[number] for number in range(count)]
    ways = {name: (prepared, partial(postings.search, threads=number)) for name, number in ONE_AND_ALL}
    for k in KS:
        times = interleaved(ways, k, count)
        alone = statistics.median(times["one thread"])
        for name, taken in times.items():
            p50 = statistics.median(taken)
            print(f"  k={k:<5} {name:<24} p50 {p50 * 1e3:8.3f} ms  {alone / p50:5.2f}x", flush=True)


def interleaved(
    engines: Mapping[str, tuple[list[Any], Callable[[Any, int], Any]]],
    k: int,
    count: int,
    size: int = TURN,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every engine for every query, engines in turn."""
    names = list(engines)
    times: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        for query in engines[name][0][:5]:
            engines[name][1](query, k)
    for start in range(0, count, size):
        turn = start // size % len(names)
        for name in names[turn:] + names[:turn]:
            prepared, search = engines[name]
            for query in prepared[start : start + size]:
                begin = clock()
                search(query, k)
                times[name].append(clock() - begin)
    return times


def build(rows: int, options: argparse.Namespace, peers: list[type[Peer]]) -> None:
    """Prints seconds and peak memory above the vectors of every build, each in a fresh process."""
    for label in ["ours", "ours, to disk", *(peer.label for peer in peers if peer.label != "scipy")]:
        command = [
            sys.executable,
            __file__,
            "--cache",
            str(options.cache),
            "--measure-build",
            label,
            str(rows),
        ]
        if options.peers_path:
            command += ["--peers-path", *map(str, options.peers_path)]
        print(subprocess.run(command, capture_output=True, text=True).stdout.rstrip(), flush=True)


def _build_here(label: str, rows: int, cache: Path, peers: list[type[Peer]]) -> None:
    vectors = documents(rows, cache)
    size = vectors.nnz * 8 + vectors.indptr.nbytes
    with tempfile.TemporaryDirectory() as place:
        ways: dict[str, Callable[[sp.csr_matrix, Path], Any]] = {
            "ours": lambda part, folder: Postings.build(part),
            "ours, to disk": _build_to_disk,
        }
        ways |= {peer.label: peer for peer in peers}
        ways[label](vectors[:1000], Path(place) / "warm")  # imports and compilation are not the build
        before = _peak(reset=True)
        start = time.perf_counter()
        kept = ways[label](vectors, Path(place) / "index")
        seconds = time.perf_counter() - start
        above = _peak() - before
        print(
            f"  build {label:<14} {seconds:8.2f} s  peak memory above the vectors {above / 1e6:8.0f} MB, "
            f"{above / size:5.2f} times the vectors"
        )
        del kept


def _build_to_disk(vectors: sp.csr_matrix, folder: Path) -> None:
    folder.mkdir()
    write_container(folder / "index.safetensors", vectors)


def _peak(reset: bool = False) -> float:
    """Largest resident bytes of this process; `reset` makes it count anew from here."""
    if reset:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            print("  the peak before the build cannot be forgotten here: memory figures are too small")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return float(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_container(path: Path, vectors: sp.csr_matrix) -> None:
    """Writes vectors and posting lists as a segment has them."""
    with ContainerWriter(path) as out:
        out.add("vectors.indptr", vectors.indptr.astype(np.int64))
        out.add("vectors.indices", vectors.indices)
        out.add("vectors.data", vectors.data)
        write_postings(out, "postings.", [vectors], vectors.shape[1])


COLD = """
import time; begin = time.perf_counter()
import sys; import numpy as np; import scipy.sparse as sp
from pathlib import Path
from splade_cli.index.engine.postings_file import open_postings
from splade_cli.index.containers.container import Container
loaded = time.perf_counter()
container = Container(Path(sys.argv[1]))
vectors = tuple(container.tensor("vectors." + name) for name in ("indptr", "indices", "data"))
postings = open_postings(container, "postings.", vectors); opened = time.perf_counter()
postings.search(sp.load_npz(sys.argv[2]), 10); first = time.perf_counter()
print(loaded - begin, opened - loaded, first - opened, first - begin)
"""


TWO_STEP = """
import time, sys
from splade_cli.engines.two_step import TwoStepEngine
from splade_cli.index.index import SpladeIndex
loaded = time.process_time()
index = SpladeIndex.open(sys.argv[1]); index.vectors; opened = time.process_time()
TwoStepEngine.open(index, "two-step"); built = time.process_time()
print(opened - loaded, built - opened)
"""


def cold(vectors: sp.csr_matrix, query: sp.csr_matrix, rounds: int = 7) -> None:
    """Prints the time of imports, opening and the first query in fresh processes, and without kept machine
    code; then the CPU time that two-step search takes to make its first step at each opening."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_container(folder / "index.safetensors", vectors)
        sp.save_npz(folder / "query.npz", query)
        command = [sys.executable, "-c", COLD, str(folder / "index.safetensors"), str(folder / "query.npz")]
        taken = [_numbers(command) for _ in range(rounds)]
        once = _numbers(command, NUMBA_CACHE_DIR=str(folder / "empty"))
        loaded, opened, first, whole = (statistics.median(column) for column in zip(*taken, strict=True))
        print(
            f"  fresh process: imports {loaded * 1e3:.0f} ms, open {opened * 1e3:.1f} ms, "
            f"first query {first * 1e3:.0f} ms, all {whole * 1e3:.0f} ms; "
            f"first query without kept machine code {once[2]:.1f} s",
            flush=True,
        )
        SpladeIndex.from_vectors(vectors).save(folder / "index")
        command = [sys.executable, "-c", TWO_STEP, str(folder / "index")]
        taken = [_numbers(command) for _ in range(rounds)]
        opened, built = (statistics.median(column) for column in zip(*taken, strict=True))
        print(
            f"  fresh process, CPU time: an index folder opened in {opened * 1e3:.0f} ms, "
            f"the first step of two-step search made in {built * 1e3:.0f} ms",
            flush=True,
        )


def _numbers(command: list[str], **environment: str) -> list[float]:
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return [float(word) for word in done.stdout.split()]


def growth(cache: Path, asked: sp.csr_matrix, most: int) -> None:
    """Prints how our cost grows with rows, k and non-zeros, and what each of the two ways would cost alone."""
    print("\nour p50 in ms (adding up all postings alone in brackets)")
    print("  rows        non-zeros   " + "".join(f"{f'k={k}':>18}" for k in (1, 10, 100, 1000)))
    for rows in (10_000, 30_000, 100_000, 300_000, 1_000_000):
        if rows <= most:
            _growth_line(documents(rows, cache), asked)
    for rows in (10_000, 100_000):
        if rows * 8 <= most:
            _growth_line(long_documents(rows, cache), asked)
    _growth_line(*_spread(100_000))


def _spread(rows: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Made up: 4,000,000 dimensions used by a power law, 128 non-zeros a row and 32 a query."""
    dice = np.random.default_rng(7)
    made = []
    for count, terms in ((rows, 128), (1000, 32)):
        columns = np.floor(4_000_000 * dice.random((count, terms)) ** 3).astype(np.int32)
        weights = dice.gamma(2.0, 0.4, columns.size).astype(np.float32)
        one = sp.csr_matrix(
            (weights, (np.repeat(np.arange(count), terms), columns.ravel())), shape=(count, 4_000_000)
        )
        one.sum_duplicates()
        made.append(one)
    return made[0], made[1]


def _growth_line(vectors: sp.csr_matrix, asked: sp.csr_matrix, count: int = 200) -> None:
    postings = Postings.build(vectors)
    added = dataclasses.replace(postings, vectors=tuple(part[:0] for part in postings.vectors))
    line = f"  {vectors.shape[0]:<11,} {vectors.nnz / vectors.shape[0]:<9.1f}"
    line += "4M dims" if vectors.shape[1] > 1_000_000 else "       "
    for k in (1, 10, 100, 1000):
        engines = {
            name: ([asked[number] for number in range(count)], partial(each.search, threads=1))
            for name, each in (("best", postings), ("added", added))
        }
        times = interleaved(engines, k, count)
        best, alone = (statistics.median(times[name]) * 1e3 for name in ("best", "added"))
        line += f"{f'{best:.3f} ({alone:.3f})':>18}"
    print(line, flush=True)


if __name__ == "__main__":
    main()
