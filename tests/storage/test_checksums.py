"""Checksums of a folder: what was changed is named, what nothing is known of is left alone."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from splade_cli.storage.checksums import (
    CHECKSUMS,
    changed_files,
    checksums_of,
    warn_of_changes,
    write_checksums,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    (tmp_path / "a.bin").write_bytes(b"one")
    (tmp_path / "part" / "b.json").write_text("{}")
    write_checksums(tmp_path, ["a.bin", "part/b.json"])
    return tmp_path


def test_a_folder_as_it_was_written(folder: Path) -> None:
    assert changed_files(folder) == []
    assert checksums_of(folder, ["a.bin"]) == {
        "a.bin": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    }


def test_what_changed_and_what_is_gone(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"onf")
    (folder / "part" / "b.json").unlink()
    assert changed_files(folder) == ["a.bin", "part/b.json"]


def test_checksums_that_are_known_already_are_not_read_again(folder: Path) -> None:
    known = checksums_of(folder, ["a.bin"])
    (folder / "a.bin").write_bytes(b"onf")
    assert changed_files(folder, known) == []
    assert changed_files(folder, {"a.bin": "0"}) == ["a.bin"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 1}', "[" * 200_000, '{"sha256": [1]}'])
def test_damaged_checksums_are_named_themselves(folder: Path, content: str) -> None:
    (folder / CHECKSUMS).write_text(content)
    assert changed_files(folder) == [CHECKSUMS]


def test_no_checksums_no_claim(tmp_path: Path) -> None:
    assert changed_files(tmp_path) == []


def test_changed_data_is_said_and_unknown_data_is_not(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "new.json").write_text("[]")
    with caplog.at_level(logging.WARNING):
        warn_of_changes(folder, "a.bin", "new.json", "gone.json")
        assert caplog.text == ""
        (folder / "a.bin").write_bytes(b"onf")
        warn_of_changes(folder, "a.bin", "new.json")
    assert "a.bin is not as it was written" in caplog.text
    (folder / CHECKSUMS).write_text(json.dumps({"sha256": 3}))
    warn_of_changes(folder, "a.bin")
