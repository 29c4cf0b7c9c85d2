"""The interactive session through a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")


@pytest.fixture
def session(built: Path, tmp_path: Path):
    """Starts `splade query` on a terminal of so many columns."""
    opened = []

    def start(columns: int = 100, **extra: str):
        inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        environment = {**inherited, "XDG_STATE_HOME": str(tmp_path / "state"), "TERM": "xterm", **extra}
        child = pexpect.spawn(
            sys.executable, ["-m", "splade_cli", "query", "--index", str(built / "index")],
            env=environment, dimensions=(40, columns), encoding="utf-8", timeout=60,
        )  # fmt: skip
        opened.append(child)
        child.expect("splade>")
        return child

    yield start
    for child in opened:
        child.close(force=True)


def test_a_whole_conversation(session, tmp_path):
    child = session()
    child.sendline("firing clay")
    child.expect("kiln.md")
    child.sendline("1")
    child.expect("1,060 degrees")
    child.sendline("/explain 1")
    child.expect("share")
    child.sendline("/terms")
    child.expect("clay")
    child.sendline("/why bike.md")
    child.expect("lacks")
    child.sendline("/top 0")
    child.expect("error")
    child.expect("hint")
    child.sendline("/nope")
    child.expect("unknown command")
    child.sendintr()
    child.sendline("/help")
    child.expect("/explain")
    child.sendline("quit")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    assert "firing clay" in (tmp_path / "state" / "splade" / "history").read_text()


def test_ctrl_d_leaves(session):
    child = session()
    child.sendeof()
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


def test_narrow_terminal_without_colour(session):
    child = session(columns=40, NO_COLOR="1")
    child.sendline("squealing brakes")
    child.expect("bike.md")
    child.sendline("q")
    child.expect(pexpect.EOF)
    assert not re.search(r"\x1b\[(3|9)\d(;\d+)*m", child.before), "no colour was asked for"
