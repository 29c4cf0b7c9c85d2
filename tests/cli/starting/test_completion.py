"""Completion in shells: typer's own, over commands that are imported one at a time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

PROGRAM = "import sys; sys.argv[0] = 'splade'; from splade_cli.cli.main import main; main()"


def completed(words: str) -> list[str]:
    """What bash is offered in place of the last of `words`."""
    environment = {
        "_SPLADE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("splade se", ["search", "serve"]),
        ("splade index ver", ["verify"]),
        ("splade search --mo", ["--model", "--mode"]),
        ("splade index verify --js", ["--json"]),
    ],
)
def test_words_that_are_offered(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from splade_cli.cli.main import app

    # typer else asks for the parent process, which under a test is no shell
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: shell)
    result = CliRunner().invoke(app, ["--show-completion"], prog_name="splade")
    assert result.exit_code == 0, result.output
    assert "_SPLADE_COMPLETE=complete_" + shell in result.stdout
