"""wrk against `splade serve`, beside the bare Searcher: requests a second, p50, p99, CPU time a request.

    python benchmarks/serving/wrk.py --queries sample_docs/queries.jsonl --index static=DIR --index model=DIR

Needs wrk (Debian: apt-get install wrk). Each index is asked by the queries in turn, k = 10, by 1 and by `--connections`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
from server import running

from splade_cli.search.searcher import Searcher

SCRIPT = """
local paths = {%s}
local at = 0
request = function()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("figures %%d %%d %%d %%d", summary.requests, failed, latency:percentile(50), latency:percentile(99)))
end
"""


def bare(searcher: Searcher, queries: list[str], seconds: float) -> tuple[int, list[float], float]:
    """Queries answered in so many seconds, the time of each, and CPU time."""
    for query in queries:
        searcher.search(query, 10)
    took = []
    cpu = time.process_time()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        searcher.search(queries[len(took) % len(queries)], 10)
        took.append(time.perf_counter() - started)
    return len(took), took, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", action="append", required=True, help="NAME=DIR")
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    queries = [json.loads(line)["text"] for line in given.queries.read_text(encoding="utf-8").splitlines()]
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {len(queries)} queries, {given.seconds} s each\n"
    )
    print("| | requests | failed | a second | p50 ms | p99 ms | CPU ms each |\n|---|---|---|---|---|---|---|")
    for pair in given.index:
        name, _, folder = pair.partition("=")
        count, took, cpu = bare(Searcher.open(folder), queries, given.seconds)
        middle, slow = np.percentile(np.array(took) * 1000, [50, 99])
        print(
            f"| {name}: Searcher, one thread | {count} | 0 | {count / given.seconds:.0f} | {middle:.1f} | {slow:.1f} "
            f"| {1000 * cpu / count:.2f} |"
        )
        with running(Path(folder)) as server, tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            paths = ", ".join(f'"/search?q={quote(query)}&k=10"' for query in queries)
            script.write(SCRIPT % paths)
            script.flush()
            address = "http://{}:{}".format(*server.address)
            for connections in (1, given.connections):
                command = ["wrk", "-t1", f"-c{connections}", f"-d{given.seconds}s", "--timeout", "20s"]
                cpu = server.cpu_seconds
                done = subprocess.run(
                    [*command, "-s", script.name, address], capture_output=True, text=True, check=True
                )
                cpu = server.cpu_seconds - cpu
                found = re.search(r"figures (\d+) (\d+) (\d+) (\d+)", done.stdout)
                assert found is not None, done.stdout
                count, failed, middle, slow = map(int, found.groups())
                print(
                    f"| {name}: server, {connections} connections | {count} | {failed} | {count / given.seconds:.0f} "
                    f"| {middle / 1000:.1f} | {slow / 1000:.1f} | {1000 * cpu / count:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
