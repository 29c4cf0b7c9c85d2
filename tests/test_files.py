"""What killed processes leave beside an output, and what running ones are writing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from splade_cli.files import is_running, remove_leftovers


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_running(os.getpid())
    assert not is_running(ended.pid)
    for name in (f".index.{ended.pid}.tmp", f".index.{os.getpid()}.tmp", f".index2.{ended.pid}.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"x")
    (tmp_path / f".report.{ended.pid}.tmp").write_bytes(b"x")
    (tmp_path / ".index.cache.sqlite3").write_bytes(b"x")
    remove_leftovers(tmp_path / "index")
    remove_leftovers(tmp_path / "report")
    remove_leftovers(tmp_path / "no folder" / "index")
    expected = [f".index.{os.getpid()}.tmp", ".index.cache.sqlite3", f".index2.{ended.pid}.tmp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)
