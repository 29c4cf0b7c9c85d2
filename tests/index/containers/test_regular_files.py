"""What lies below a folder and is no file of an index: links and pipes, and folders that go while one looks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from splade_cli.index.containers.regular_files import irregular_below


def test_links_and_pipes_are_named(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("x")
    assert list(irregular_below(tmp_path)) == []
    os.symlink(tmp_path, tmp_path / "inner" / "link")
    os.mkfifo(tmp_path / "pipe")
    assert set(irregular_below(tmp_path)) == {tmp_path / "inner" / "link", tmp_path / "pipe"}


def test_a_folder_that_goes_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer sweeps what belongs to the generation before while a reader opens the one after it."""
    (tmp_path / "old").mkdir()
    os.mkfifo(tmp_path / "pipe")
    listed = Path.iterdir

    def swept(folder: Path) -> Iterator[Path]:
        if folder.name == "old":
            shutil.rmtree(folder)
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", swept)
    assert list(irregular_below(tmp_path)) == [tmp_path / "pipe"]
