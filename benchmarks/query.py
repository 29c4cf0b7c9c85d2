"""Queries by the model, by a static table and by ONNX: a cold `splade search`, and encoding a query when
warm.

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

from measure import ROOT

from splade_cli.cli.options import query_encoder
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
        warm: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number, query in enumerate(queries):
            for kind, searcher in searchers.items():
                start = time.perf_counter()
                searcher.encode(query)
                if number >= 10:
                    warm[kind].append(time.perf_counter() - start)
        for kind in KINDS:
            p50, p95 = statistics.median(warm[kind]), sorted(warm[kind])[int(0.95 * len(warm[kind]))]
            print(
                f"{kind:<10} cold `splade search` {statistics.median(cold[kind]):6.2f} s, "
                f"a query encoded in {p50 * 1e3:6.2f} ms (p95 {p95 * 1e3:.2f})"
            )


if __name__ == "__main__":
    main()
