"""Interruptions that come at moments where Python or a command would lose them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from splade_cli.cli.interrupts import lost_again, told
from splade_cli.cli.main import app


class DiesInterrupted:
    """Ctrl-C comes while it is finalised."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


def test_an_interruption_inside_a_finaliser_comes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lost_again)
    with pytest.raises(KeyboardInterrupt):
        interrupted_for(60.0)
    assert "Exception ignored" not in capsys.readouterr().err


def test_an_interruption_says_what_holds_of_the_command() -> None:
    with pytest.raises(KeyboardInterrupt, match="nothing, or all"), told("nothing, or all"):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt, match="is whole"), told("nothing, or all"):
        raise KeyboardInterrupt("out is whole")


def interrupted_for(seconds: float) -> None:
    DiesInterrupted()
    for _ in range(int(seconds * 10)):
        time.sleep(0.1)


def test_while_the_summary_is_printed_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from splade_cli.cli.render import gen_data as render

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# The lathe\n\nThe lathe turns steel at nine hundred turns a minute.\n" * 9)
    monkeypatch.setattr(render, "generated", interrupt)
    words = ["gen-data", docs, "-o", tmp_path / "data", "--teacher", "none", "--model", "none"]
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 130
    assert "is whole: there is nothing to run again" in result.stderr
