"""Requests made from the OpenAPI description by schemathesis: what it allows is answered, the rest is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.server.conftest import TEXTS, served, write_index

PROGRAM = shutil.which("st", path=str(Path(sys.executable).parent)) or shutil.which("st")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="schemathesis is not installed")]


@pytest.mark.parametrize("two", [False, True], ids=["one index", "two indexes"])
def test_all_its_checks_of_all_operations(folder: Path, tmp_path: Path, two: bool) -> None:
    more = ["--marks", str(tmp_path / "marks.jsonl"), "--max-k", "20", "--max-queries", "3"]
    if two:
        other = write_index(tmp_path / "other", TEXTS[1:])
        more += ["--ab", str(other), "--ab-log", str(tmp_path / "ab.jsonl")]
    with served(folder, *more) as address:
        command = [str(PROGRAM), "run", f"{address}/openapi.json", "--max-examples", "20", "--no-color"]
        # how long a busy machine takes to make examples says nothing about the server
        command += ["--suppress-health-check", "too_slow"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0 and "No issues found" in done.stdout, done.stdout[-20_000:]
