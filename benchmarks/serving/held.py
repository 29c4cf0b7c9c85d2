"""`splade serve` under load for minutes while its index changes: no request may fail, memory has to stay flat.

    python benchmarks/serving/held.py --documents sample_docs/documents --queries sample_docs/queries.jsonl [--minutes 10]

An index is made of the documents in a folder of its own. `--connections` clients ask without a pause; every `--every` seconds
a document is added, and every second time one is taken out, by `splade index` as people do it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import numpy as np
from server import Server, running

PROGRAM = (sys.executable, "-m", "splade_cli")


class Load:
    """Clients that ask until they are stopped; what came back by status, and the seconds that it took."""

    def __init__(self, server: Server, queries: list[str], connections: int) -> None:
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.generations: set[object] = set()
        self._server = server
        self._queries = queries
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(one,)) for one in range(connections)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection(*self._server.address, timeout=30)
        at = number
        while not self._stop.is_set():
            at += 1
            started = time.perf_counter()
            try:
                connection.request("GET", f"/search?q={quote(self._queries[at % len(self._queries)])}&k=10")
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.statuses[type(error).__name__] += 1
                connection = http.client.HTTPConnection(*self._server.address, timeout=30)
                continue
            self.seconds.append(time.perf_counter() - started)
            self.statuses[str(answer.status)] += 1
            if answer.status == 200:
                self.generations.add(json.loads(content)["generation"])


def change(folder: Path, index: Path, number: int) -> None:
    """Adds a document, and after every second one takes one out."""
    path = folder / f"note-{number}.md"
    path.write_text(
        f"# Note {number}\n\nThe {number}th note is about clay, brakes and wool.\n", encoding="utf-8"
    )
    run("index", "add", str(path), "--index", str(index))
    if number % 2:
        run("index", "remove", path.name, "--index", str(index))


def run(*words: str) -> None:
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=20)
    parser.add_argument("--connections", type=int, default=2)
    given = parser.parse_args()
    queries = [json.loads(line)["text"] for line in given.queries.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as temporary:
        index = Path(temporary) / "index"
        run("index", given.documents, "-o", str(index), "--query", "static")
        with running(index) as server, Load(server, queries, given.connections) as load:
            end = time.monotonic() + 60 * given.minutes
            number = 0
            print("| minute | requests | not 200 | generations | reloads | RSS MB | of it anonymous |")
            print("|---|---|---|---|---|---|---|")
            started = time.monotonic()
            shown = -1
            while time.monotonic() < end:
                number += 1
                change(Path(temporary), index, number)
                time.sleep(given.every)
                minute = int((time.monotonic() - started) / 60)
                if minute != shown:
                    shown = minute
                    total = sum(load.statuses.values())
                    print(
                        f"| {minute} | {total} | {total - load.statuses['200']} | {len(load.generations)} "
                        f"| {server.counter('splade_reloads_total'):.0f} | {server.megabytes():.0f} "
                        f"| {server.megabytes('RssAnon'):.0f} |",
                        flush=True,
                    )
        middle, slow = np.percentile(np.array(load.seconds) * 1000, [50, 99])
        rate = len(load.seconds) / (60 * given.minutes)
        print(f"\n{dict(load.statuses)}, {number} changes, {len(load.generations)} generations seen")
        print(f"{rate:.0f} a second, p50 {middle:.1f} ms, p99 {slow:.1f} ms; load {os.getloadavg()[0]:.1f}")
        assert set(load.statuses) == {"200"}, load.statuses


if __name__ == "__main__":
    main()
