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
PROMPT = "query, until its prompt"
ANSWER = "query, until its first hits"


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
            PROMPT: ["query", "--index", f"{place}/full"],
            ANSWER: ["query", "--index", f"{place}/full"],
        }
        chosen = {name: words for name, words in commands.items() if options.only in name}
        for kind in ("static", "full"):
            make = ["index", "sample_docs/documents", "-o", f"{place}/{kind}", "--bm25", "--query", kind]
            subprocess.run(_command(make), cwd=ROOT, env=_environment(ROOT), capture_output=True, check=True)
        for name, words in chosen.items():
            costs: list[list[Cost]] = [[] for _ in trees]
            for number in range(options.rounds + 1):
                for tree, listed in zip(trees, costs, strict=True):
                    if name in (PROMPT, ANSWER):
                        cost = _session(words, tree, is_asked=name == ANSWER)
                    else:
                        cost = _run(words, tree)
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


def _session(words: list[str], tree: Path, is_asked: bool) -> Cost:
    """Of a session on a terminal, until it can be typed into, or until what was typed at once is answered.

    Then it is killed, so that nothing counts which comes after.
    """
    start = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tree)
        command = _command(words)
        os.execve(command[0], command, {**_environment(tree), "TERM": "xterm"})
    _read_until(b"splade>", terminal)
    if is_asked:
        os.write(terminal, f"{QUERY}\r".encode())
        _read_until(b".md", terminal)
    wall = time.perf_counter() - start
    os.kill(process, signal.SIGKILL)
    _, _, used = os.wait4(process, 0)
    os.close(terminal)
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def _read_until(shown: bytes, terminal: int) -> None:
    """Reads what a terminal is sent until `shown` is there; says where its cursor is when it is asked."""
    read = b""
    while shown not in read:
        read += os.read(terminal, 4096)
        if read.endswith(b"\x1b[6n"):
            os.write(terminal, b"\x1b[1;1R")


if __name__ == "__main__":
    main()
