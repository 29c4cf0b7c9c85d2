"""From a clone to a first search of one's own, and to the end of `make demo`: seconds, CPU time, bytes.

    python3 benchmarks/first_hour.py                  # clones this repository into a temporary folder
    python3 benchmarks/first_hour.py --without-demo

Standard library only: it measures what a new user does, in an environment that it makes. Wall time depends on the
network and on what else runs; CPU time is that of all processes of a step.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUERY = "gears skip when I push hard"


def step(name: str, folder: Path, *command: str) -> str:
    """Runs a command, prints what it took, and gives what it said."""
    before = os.times()
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wall = time.monotonic() - began
    after = os.times()
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}\n{done.stdout[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"| {name} | {wall:.0f} | {cpu:.0f} |", flush=True)
    return done.stdout


def main() -> None:
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, load {load:.1f} at the start\n\n| step | seconds | CPU seconds |\n|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "splade"
        step("clone", Path(place), "git", "clone", "--quiet", str(ROOT), str(folder))
        said = step(
            "install what the demo needs", folder, sys.executable, "tools/install.py", ".venv", "--demo"
        )
        splade = str(folder / ".venv" / "bin" / "splade")
        step(
            "index 122 documents, untrained", folder, splade, "index", "sample_docs/documents", "-o", "first"
        )
        step("first search", folder, splade, "search", QUERY, "--index", "first")
        if "--without-demo" not in sys.argv:
            (folder / ".venv" / ".ready-for-demo").touch()
            step("make demo, installed", folder, "make", "demo")
        found = re.findall(r": (\d+) packages, ([\d,]+) MB", said)
        packages = sum(int(count) for count, _ in found)
        megabytes = sum(int(size.replace(",", "")) for _, size in found)
        files = [path for path in (folder / ".venv").rglob("*") if path.is_file() and not path.is_symlink()]
        unpacked = sum(path.stat().st_size for path in files)
    print(f"\n{packages} packages, {megabytes} MB fetched, {unpacked / 1e9:.2f} GB unpacked")


if __name__ == "__main__":
    main()
