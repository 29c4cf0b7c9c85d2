"""The machine that an evaluation ran on: latencies and rates mean nothing without it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Machine:
    """What runs an evaluation.

    Attributes:
        system: e.g. ``Linux x86_64``.
        processor: its name where the system tells, else empty.
        cores: that this process may use.
        load: processes that wanted to run in the last minute; None where the system does not count them.
        peak_megabytes: of memory that this process has held so far; None where the system does not say.
    """

    system: str
    processor: str
    cores: int
    load: float | None = None
    peak_megabytes: float | None = None

    @property
    def sentence(self) -> str:
        """It in one line."""
        said = f"{self.processor or self.system}, {self.cores} cores"
        if self.load is not None:
            said += f", load {self.load:.1f}"
        if self.peak_megabytes is not None:
            said += f"; peak memory {self.peak_megabytes:.0f} MB"
        return said


def this_machine() -> Machine:
    """What this process runs on, now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    system = f"{platform.system()} {platform.machine()}"
    return Machine(system, _processor(), _cores(), load, _peak_megabytes())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        facts = CPU_FACTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    for line in facts.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()


def _peak_megabytes() -> float | None:
    """The largest resident set so far."""
    try:
        import resource
    except ImportError:  # Windows has no such count
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
