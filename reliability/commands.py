"""Commands as real processes: run to their end within a time limit, and judged by what they said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code, negative for the signal that ended it; None where it ran past its limit and was
            killed.
        seconds: how long it took.
    """

    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def hung(self) -> bool:
        """Whether it had to be killed."""
        return self.code is None

    @property
    def has_traceback(self) -> bool:
        """Whether it showed a user what only a developer can read."""
        return "Traceback (most recent call last)" in self.stderr + self.stdout


def splade(*words: object) -> list[str]:
    """The command line that runs `splade` with `words` by this Python."""
    return [sys.executable, "-m", "splade_cli", *map(str, words)]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, offline, with one thread, in which this working tree is imported."""
    offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **offline, **changes}


def start(
    command: list[str], folder: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A command under way in `folder`, its outputs in pipes."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=dict(variables or environment()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def finish(process: subprocess.Popen[str], limit: float) -> Ended:
    """Waits for a command for `limit` seconds at most, and then kills it."""
    started = time.monotonic()
    try:
        stdout, stderr = process.communicate(timeout=limit)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        code = None
    return Ended(code, stdout, stderr, time.monotonic() - started)


def run(
    command: list[str], folder: Path, limit: float = 120, variables: Mapping[str, str] | None = None
) -> Ended:
    """A command from start to end."""
    return finish(start(command, folder, variables), limit)
