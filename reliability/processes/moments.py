"""Moments at which a running command is killed: after a time, or at a change of the folder it writes to."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Moment:
    """When a command is killed, by which signal: after `seconds`, or at the `change` of its folder."""

    signal: signal.Signals
    seconds: float | None = None
    change: int | None = None

    def is_over(self, seconds: float, changes: int) -> bool:
        """Whether it has come."""
        if self.seconds is not None:
            return seconds >= self.seconds
        return self.change is not None and changes >= self.change

    def __str__(self) -> str:
        when = f"change {self.change}" if self.seconds is None else f"{self.seconds:.2f} s"
        return f"{self.signal.name} at {when}"


def drawn(chance: random.Random, share: float, seconds: float, changes: int) -> Moment:
    """A moment in the first `share` of `seconds`, or at one of `changes`, so that short steps come up too."""
    by = signal.SIGINT if chance.random() < 0.25 else signal.SIGKILL
    if chance.random() < 0.5:
        return Moment(by, seconds=chance.random() * share * seconds)
    return Moment(by, change=chance.randint(1, max(1, int(share * changes))))


def is_under_way(process: int) -> bool:
    """Whether a process that another one waits for has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def sizes(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of all below a folder; what goes meanwhile is left out."""
    found: list[tuple[str, int]] = []
    for top, folders, files in os.walk(folder):
        found += [(f"{top}/{name}", 0) for name in folders]
        for name in files:
            try:
                found.append((f"{top}/{name}", os.stat(f"{top}/{name}").st_size))
            except FileNotFoundError:
                continue
    return found
