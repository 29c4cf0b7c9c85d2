"""Folders that are kept between runs: machine code, unfinished evaluations, models of the hub."""

from __future__ import annotations

import os
from pathlib import Path

from splade_cli.doctor.findings import Finding
from splade_cli.storage.cache import unfinished_folder


def cache_findings() -> list[Finding]:
    """Each cache: where it is, how large, and whether it can be written."""
    from huggingface_hub.constants import HF_HUB_CACHE

    from splade_cli.index.engine.compiling import cache_folder

    found = []
    kernels = cache_folder()
    if kernels is None:
        said = "no folder can be written: each process compiles the engine's loops anew"
        found.append(Finding("cache of machine code", "missing", said, "set XDG_CACHE_HOME to a folder"))
    else:
        found.append(_finding("cache of machine code", kernels))
    found.append(_finding("cache of unfinished evaluations", unfinished_folder()))
    found.append(_finding("cache of the hub", Path(HF_HUB_CACHE)))
    return found


def _finding(topic: str, folder: Path) -> Finding:
    if not folder.exists():
        return Finding(topic, "ok", f"{folder}: not there yet")
    if not os.access(folder, os.W_OK):
        return Finding(topic, "broken", f"{folder} cannot be written", f"chmod u+w {folder}")
    return Finding(topic, "ok", f"{folder}: {_megabytes(folder):.1f} MB")


def _megabytes(folder: Path) -> float:
    """Size of the files below a folder; links and what vanishes meanwhile do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                total += 0 if os.path.islink(path) else os.path.getsize(path)
            except OSError:
                continue
    return total / 1e6
