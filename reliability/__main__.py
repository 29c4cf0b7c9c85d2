"""Runs fault injections and prints their table: `python -m reliability [CHECK ...] [--count N] [--seed N]`.

A check is a module with `COUNT`, the tries of a bounded run, and `check(folder, tries)`, which works below a
temporary folder and gives an Outcome for each line of the table. The exit code is 1 if any try ended wrong.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from reliability.outcome import HEAD, Outcome, Tries, row

CHECKS: dict[str, str] = {
    "long_runs": "processes.long_runs",
    "damaged_index": "damage.damaged_index",
    "crafted_index": "damage.crafted_index",
    "crafted_models": "damage.crafted_models",
    "damaged_files": "damage.damaged_files",
    "llm_faults": "llm.faults",
    "llm_answers": "llm.kept_answers",
    "llm_injection": "llm.injection",
    "write_faults": "processes.write_faults",
    "kills": "processes.kills",
    "two_builds": "processes.two_builds",
    "hostile_documents": "hostile.documents",
    "hostile_names": "hostile.names",
}
"""The module of each check, below this folder."""


def run(name: str, count: int | None, seed: int, only: str = "") -> Iterator[Outcome]:
    """The outcomes of one check, as they come, in a temporary folder of its own."""
    module = importlib.import_module(f"reliability.{CHECKS[name]}")
    tries = Tries(module.COUNT if count is None else count, seed, only)
    with tempfile.TemporaryDirectory(prefix=f"splade-{name}-") as folder:
        yield from module.check(Path(folder), tries)


def main() -> int:
    # tries are forks, and a fork lacks the threads of its parent
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__.split("\n")[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"of {', '.join(CHECKS)}; all by default")
    parser.add_argument("--count", type=int, help="tries of each line; each check knows a bounded number")
    parser.add_argument("--only", default="", metavar="TEXT", help="only lines whose names hold this text")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.checks) - set(CHECKS))
    if unknown:
        parser.error(f"no check of the name {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    print(HEAD, flush=True)
    is_wrong = False
    for name in arguments.checks or CHECKS:
        started = time.monotonic()
        for outcome in run(name, arguments.count, arguments.seed, arguments.only):
            print(row(outcome), flush=True)
            for note in outcome.notes:
                print(f"{outcome.what}: {note}", file=sys.stderr, flush=True)
            is_wrong = is_wrong or bool(outcome.wrong)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
