"""Queries by the model, by a static table and by ONNX: a cold `splade search`; when warm, the CPU time of
encoding a query and of a whole search for it.

    python benchmarks/query.py [--rounds 7]

The index is made of sample_docs; each round asks all kinds in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from protocol.measure import ROOT

from splade_cli.cli.options.ranking import query_encoder
from splade_cli.evaluation.costs import percentiles
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.options import IndexOptions
from splade_cli.search.searcher import Searcher

KINDS = ("full", "static", "onnx", "onnx-int8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    lines = (ROOT / "sample_docs" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line)["text"] for line in lines]
    with tempfile.TemporaryDirectory() as place:
        folders = {kind: Path(place) / kind for kind in KINDS}
        for kind, folder in folders.items():
            index_documents(
                ROOT / "sample_docs" / "documents", folder, IndexOptions(query=query_encoder(kind))
            )
        cold: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(rounds + 1):
            for kind, folder in folders.items():
                command = [
                    sys.executable,
                    "-m",
                    "splade_cli",
                    "search",
                    queries[number],
                    "--index",
                    str(folder),
                ]
                start = time.perf_counter()
                subprocess.run(command, capture_output=True, check=True)
                if number:
                    cold[kind].append(time.perf_counter() - start)
        searchers = {kind: Searcher.open(folder) for kind, folder in folders.items()}
        encoding: dict[str, list[float]] = {kind: [] for kind in KINDS}
        searching: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number, query in enumerate(queries):
            for kind, searcher in searchers.items():
                start = time.process_time()
                searcher.encode(query)
                encoded = time.process_time()
                searcher.search(query)
                searched = time.process_time()
                if number >= 10:
                    encoding[kind].append(encoded - start)
                    searching[kind].append(searched - encoded)
        for kind in KINDS:
            print(
                f"{kind:<10} cold `splade search` {statistics.median(cold[kind]):6.2f} s, "
                f"a query encoded in {milliseconds(encoding[kind])}, searched for in {milliseconds(searching[kind])}"
            )


def milliseconds(seconds: list[float]) -> str:
    """Median and 95th percentile."""
    p50, p95 = percentiles(seconds)
    return f"{p50:.2f} ms (p95 {p95:.2f})"


if __name__ == "__main__":
    main()
