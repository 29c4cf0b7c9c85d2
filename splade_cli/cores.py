"""CPU cores: how many this process may use."""

from __future__ import annotations

import os
from pathlib import Path


def available_threads() -> int:
    """CPU cores that this process may use: affinity and a container's quota (cgroup v2) count."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    if quota == "max":
        return cores
    return max(1, min(cores, int(quota) // int(period)))
