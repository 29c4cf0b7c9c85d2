"""Cold starts: CPU seconds, wall seconds and peak memory of whole commands, each in a process of its own.

    python benchmarks/cold.py [--rounds 7] [--against OTHER_CHECKOUT] [--only WORD]

The indexes are made of sample_docs by this checkout. With another checkout the commands of both run in turn.
"""

from __future__ import annotations

import argparse
import os
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
QUERY = "my print keeps coming off the plate"
SESSION = "prompt of query, the model"


class Cost(NamedTuple):
    """What one process took: seconds of CPU (user and system), seconds by the clock, peak memory in MB."""

    cpu: float
    wall: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    trees = [ROOT]
    if options.against is not None:
        trees.append(options.against.resolve())
    with tempfile.TemporaryDirectory() as place:
        commands = {
            "--help": ["--help"],
            "search, static queries": ["search", QUERY, "--index", f"{place}/static"],
            "search, the model": ["search", QUERY, "--index", f"{place}/full"],
            SESSION: ["query", "--index", f"{place}/full"],
        }
        chosen = {name: words for name, words in commands.items() if options.only in name}
        for kind in ("static", "full"):
            make = ["index", "sample_docs/documents", "-o", f"{place}/{kind}", "--bm25", "--query", kind]
            subprocess.run(_command(make), cwd=ROOT, env=_environment(ROOT), capture_output=True, check=True)
        for name, words in chosen.items():
            costs: list[list[Cost]] = [[] for _ in trees]
            for number in range(options.rounds + 1):
                for tree, listed in zip(trees, costs, strict=True):
                    cost = _until_prompt(words, tree) if name == SESSION else _run(words, tree)
                    if number:
                        listed.append(cost)
            for tree, listed in zip(trees, costs, strict=True):
                cpu, wall, memory = (statistics.median(values) for values in zip(*listed, strict=True))
                print(f"{name:<28} {cpu:6.2f} s CPU {wall:6.2f} s wall {memory:5.0f} MB  {tree}", flush=True)


def _command(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "splade_cli", *words]


def _environment(tree: Path) -> dict[str, str]:
    """Of a user: the sources are compiled once and kept, by the first round, which does not count."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(tree)}


def _run(words: list[str], tree: Path) -> Cost:
    start = time.perf_counter()
    process = subprocess.Popen(
        _command(words),
        cwd=tree,
        env=_environment(tree),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (words, tree)
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def _until_prompt(words: list[str], tree: Path) -> Cost:
    """Of a session on a terminal, until it can be typed into; then it is ended."""
    start = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tree)
        command = _command(words)
        os.execve(command[0], command, {**_environment(tree), "TERM": "xterm"})
    shown = b""
    while b"splade>" not in shown:
        shown += os.read(terminal, 4096)
    wall = time.perf_counter() - start
    os.kill(process, signal.SIGKILL)
    _, _, used = os.wait4(process, 0)
    os.close(terminal)
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
