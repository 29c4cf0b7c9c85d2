"""Runs fault injections and prints their table: `python -m reliability [CHECK ...] [--count N] [--seed N]`.

A check is a module beside this one with `COUNT`, the tries of a bounded run, and `check(folder, count,
seed)`, which works below a temporary folder and returns Outcomes. The exit code is 1 if any try ended wrong.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from reliability.outcome import Outcome, table

CHECKS: tuple[str, ...] = (
    "long_runs",
    "damaged_index",
    "crafted_index",
    "damaged_files",
    "llm_faults",
    "write_faults",
    "kills",
    "two_builds",
    "hostile_documents",
    "hostile_names",
)


def run(name: str, count: int | None, seed: int) -> list[Outcome]:
    """One check in a temporary folder of its own."""
    module = importlib.import_module(f"reliability.{name}")
    with tempfile.TemporaryDirectory(prefix=f"splade-{name}-") as folder:
        return module.check(Path(folder), module.COUNT if count is None else count, seed)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__.split("\n")[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"of {', '.join(CHECKS)}; all by default")
    parser.add_argument("--count", type=int, help="tries of each line; each check knows a bounded number")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.checks) - set(CHECKS))
    if unknown:
        parser.error(f"no check of the name {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    outcomes: list[Outcome] = []
    for name in arguments.checks or CHECKS:
        started = time.monotonic()
        outcomes += run(name, arguments.count, arguments.seed)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(table(outcomes))
    for outcome in outcomes:
        for note in outcome.notes:
            print(f"{outcome.what}: {note}", file=sys.stderr)
    return int(any(outcome.wrong for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
