"""How the program ends: with its exit code and all that was printed, after the exit handlers, and at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, os, sys, tempfile, threading
import splade_cli.cli.main as program

class Freed:
    def __del__(self, write=os.write):
        write(2, b"freed by the interpreter")

at_the_end = program.app
def app():
    global kept, folder
    kept = Freed()
    folder = tempfile.TemporaryDirectory()
    print(folder.name, file=sys.stderr)
    atexit.register(print, "said by a handler")
    threading.Timer(0.01, print, ["said by a thread"]).start()
    at_the_end()
program.app = app
sys.argv = ["splade", *sys.argv[1:]]
program.main()
"""


def run(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """A run of the program, with something to be tidied up."""
    command = [sys.executable, "-c", PROGRAM, *words]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 600, **more}
    return subprocess.run(command, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("command", ["search", "index"])
def test_handlers_threads_and_folders_are_seen_to_and_nothing_else(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert "said by a handler" in done.stdout
    assert "said by a thread" in done.stdout
    assert not Path(done.stderr.splitlines()[0]).exists()
    assert "freed" not in done.stderr


def test_a_command_that_writes_is_taken_apart() -> None:
    done = run("index", "nowhere")
    assert done.returncode == 2
    assert "freed by the interpreter" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [(["search", "a", "--index", "nowhere"], 1), (["search"], 2), (["search", "--nope"], 2)],
)
def test_a_failure_keeps_its_exit_code(words: list[str], code: int) -> None:
    done = run(*words)
    assert done.returncode == code
    assert "said by a handler" in done.stdout
    assert "rror" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_cannot_be_printed_is_a_failure() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run("search", "--help", stdout=full)
    assert done.returncode != 0
    assert "No space left" in done.stderr


def test_a_measured_run_is_taken_apart() -> None:
    traced = PROGRAM.replace("program.main()", "sys.settrace(lambda *words: None)\nprogram.main()")
    command = [sys.executable, "-c", traced, "search", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0
    assert "freed by the interpreter" in done.stderr
