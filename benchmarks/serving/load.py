"""Load of `splade serve`: requests a second, latency and CPU time a request, beside the bare Searcher.

    python benchmarks/serving/load.py --index DIR --queries sample_docs/queries.jsonl [--clients 4] [--rounds 3]

Both answer the same queries with k = 10, the server to `--clients` connections that are kept open. CPU time is that of the
serving process alone, so that it means something on a machine that does other things as well.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import numpy as np
from server import running

from splade_cli.search.searcher import Searcher


def client(address: tuple[str, int], queries: list[str], suffix: str) -> list[float]:
    """Seconds of each request over one connection."""
    connection = http.client.HTTPConnection(*address)
    seconds = []
    for query in queries:
        started = time.perf_counter()
        connection.request("GET", f"/search?q={quote(query)}&k=10{suffix}")
        answer = connection.getresponse()
        content = answer.read()
        seconds.append(time.perf_counter() - started)
        assert answer.status == 200, content
    return seconds


def row(name: str, seconds: list[float], wall: float, cpu: float) -> None:
    middle, slow = np.percentile(np.array(seconds) * 1000, [50, 99])
    rate = len(seconds) / wall
    each = 1000 * cpu / len(seconds)
    print(f"| {name} | {len(seconds)} | {rate:.0f} | {middle:.1f} | {slow:.1f} | {each:.2f} |")


def bare(searcher: Searcher, queries: list[str], name: str) -> None:
    seconds = []
    cpu = time.process_time()
    begun = time.perf_counter()
    for query in queries:
        started = time.perf_counter()
        searcher.search(query, 10)
        seconds.append(time.perf_counter() - started)
    row(name, seconds, time.perf_counter() - begun, time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    lines = given.queries.read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line)["text"] for line in lines] * given.rounds
    with running(given.index) as server:
        address = server.address
        client(address, queries, "")
        searcher = Searcher.open(given.index, few_queries=True)
        for query in queries:
            searcher.search(query, 10)
        load = os.getloadavg()[0]
        print(
            f"load {load:.1f} on {os.cpu_count()} cores, {len(queries)} queries, {len(searcher.engine)} chunks\n"
        )
        print("| | requests | a second | p50 ms | p99 ms | CPU ms each |\n|---|---|---|---|---|---|")
        bare(searcher, queries, "Searcher, one thread, with terms")
        for clients in (1, given.clients):
            for suffix, what in (("", ""), ("&explain=true", ", terms"), ("&texts=false", ", ids alone")):
                cpu = server.cpu_seconds
                begun = time.perf_counter()
                with ThreadPoolExecutor(clients) as pool:
                    asking = [pool.submit(client, address, queries, suffix) for _ in range(clients)]
                    parts = [each.result() for each in asking]
                wall = time.perf_counter() - begun
                seconds = [each for part in parts for each in part]
                name = f"server, {clients} connections{what}"
                row(name, seconds, wall, server.cpu_seconds - cpu)


if __name__ == "__main__":
    main()
