"""What killed processes leave beside an output, and what running ones are writing."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest

from splade_cli.files import is_running, remove_leftovers, replacing, replacing_folder


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_running(os.getpid())
    assert not is_running(ended.pid)
    for name in (
        f".index.{ended.pid}.0a1b.tmp",
        f".index.{os.getpid()}.0a1b.tmp",
        f".index2.{ended.pid}.0a1b.tmp",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"x")
    (tmp_path / f".report.{ended.pid}.0a1b.tmp").write_bytes(b"x")
    (tmp_path / ".index.cache.sqlite3").write_bytes(b"x")
    remove_leftovers(tmp_path / "index")
    remove_leftovers(tmp_path / "report")
    remove_leftovers(tmp_path / "no folder" / "index")
    expected = [f".index.{os.getpid()}.0a1b.tmp", ".index.cache.sqlite3", f".index2.{ended.pid}.0a1b.tmp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)


def test_leftovers_are_named_as_they_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr("splade_cli.files.os.getpid", lambda: ended.pid)
    with replacing_folder(tmp_path / "index") as folder:
        remove_leftovers(tmp_path / "index")
        assert not folder.exists(), "its process is gone"
        folder.mkdir()
    with replacing(tmp_path / "report") as file:
        file.write_text("half")
        remove_leftovers(tmp_path / "report")
        assert not file.exists(), "its process is gone"
        file.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "report"]


@pytest.mark.parametrize("durable", [False, True])
def test_threads_that_replace_one_file_do_not_share_a_temporary_name(tmp_path: Path, durable: bool) -> None:
    together = Barrier(8, timeout=600)

    def write(number: int) -> Path:
        with replacing(tmp_path / "file", durable=durable) as temporary:
            temporary.write_text(str(number) * 1000)
            together.wait()
        return temporary

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(write, range(8)))) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(set((tmp_path / "file").read_text())) == 1


def test_threads_may_make_one_folder_name_at_once(tmp_path: Path) -> None:
    together = Barrier(8, timeout=600)

    def temporary_of(number: int) -> Path:
        with suppress(InterruptedError), replacing_folder(tmp_path / "folder") as temporary:
            together.wait()
            raise InterruptedError
        return temporary

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(temporary_of, range(8)))) == 8
    assert not list(tmp_path.iterdir())
