"""Commands that start at once: each is forked from a process that has imported what all of them import.

A command that is killed at a random moment would else be killed while Python imports, nine times of ten.
`python -m reliability.processes.warm` reads commands as JSON lines, and says the number of each and how it
ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from reliability.commands import ROOT, Ended, environment

NEEDED = (
    "openai",
    "splade_cli.cli.main",
    "splade_cli.cli.render.progress",
    "splade_cli.cli.render.training",
    "splade_cli.cli.render.evaluation.report",
    "splade_cli.deploy.export.variant",
    "splade_cli.deploy.export.vocabulary_pruning",
    "splade_cli.evaluation.evaluate",
    "splade_cli.generation.pipeline",
    "splade_cli.indexing.add",
    "splade_cli.indexing.build",
    "splade_cli.model.load",
    "splade_cli.search.searcher",
    "splade_cli.training.run",
    "splade_cli.training.trainer",
    # what these import when they are first used
    "accelerate",
    "bm25s.numba",
    "numba",
    "sentence_transformers",
    "transformers.models.bert.modeling_bert",
)


KERNELS = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"


def variables_of(folder: Path) -> dict[str, str]:
    """Variables by which a command keeps caches and temporary files in `folder`, but for compiled loops."""
    for name in ("cache", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    return {
        "NUMBA_CACHE_DIR": str(KERNELS),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "TMPDIR": str(folder / "tmp"),
    }


class Warm:
    """The process that commands are forked from, as a context.

    Args:
        variables: of its environment, beside those of `commands.environment`.
    """

    def __init__(self, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reliability.processes.warm"],
            cwd=ROOT,
            env=environment(OPENBLAS_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def start(self, words: Sequence[object], folder: Path, variables: Mapping[str, str]) -> int:
        """Begins `splade` with `words` in `folder`, and gives the number of its process."""
        assert self._process.stdin is not None
        for name in ("stdout", "stderr"):  # what is killed at once has said nothing
            (folder / name).write_bytes(b"")
        command = {"words": list(map(str, words)), "folder": str(folder), "variables": dict(variables)}
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def finish(self, folder: Path) -> Ended:
        """Waits for the command that was begun last."""
        code = int(self._line())
        stdout = (folder / "stdout").read_text(errors="replace")
        stderr = (folder / "stderr").read_text(errors="replace")
        return Ended(code, stdout, stderr, 0.0)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that commands are forked from has ended")
        return line


def serve() -> None:
    """Forks a command for each line on standard input."""
    for name in NEEDED:
        import_module(name)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts behind it ignores Ctrl-C
    for line in sys.stdin:
        command = json.loads(line)
        process = os.fork()
        if not process:
            _become(command)
            return
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _become(command: dict[str, Any]) -> None:
    """Runs the command in this process, its outputs in files of its folder; exits as it does."""
    folder = Path(command["folder"])
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    os.environ.update(command["variables"])
    sys.argv = ["splade", *command["words"]]
    from splade_cli.cli.main import main

    main()


if __name__ == "__main__":
    serve()
