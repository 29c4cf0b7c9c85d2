"""A `splade serve` process to measure: its address, its CPU time, its memory and its counters."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: int
    address: tuple[str, int]

    @property
    def cpu_seconds(self) -> float:
        """CPU time so far, user and system."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self, kind: str = "VmRSS") -> float:
        """Resident memory; `RssAnon` is what no file is mapped to."""
        status = Path(f"/proc/{self.process}/status").read_text()
        found = re.search(rf"^{kind}:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found.group(1)) / 1024

    def counter(self, name: str) -> float:
        """A counter of /metrics."""
        connection = http.client.HTTPConnection(*self.address)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([\d.e+]+)$", text, re.MULTILINE)
        return sum(map(float, found))


@contextmanager
def running(index: Path, *options: str) -> Iterator[Server]:
    """Serves an index on a free port until the block ends."""
    command = [
        sys.executable,
        "-m",
        "splade_cli",
        "serve",
        "--index",
        str(index),
        "--port",
        "0",
        "--no-marks",
    ]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            told = re.search(r"http://([\d.]+):(\d+)", server.stderr.readline())
            assert told is not None
            yield Server(server.pid, (told.group(1), int(told.group(2))))
        finally:
            server.terminate()
