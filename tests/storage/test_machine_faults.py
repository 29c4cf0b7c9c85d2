"""Failures of the machine: the cause, the advice and the path, from whatever a library makes of them."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from splade_cli.errors import InputError, MachineError
from splade_cli.storage.machine_faults import machine_error, naming, raise_exhausted, raise_machine_error

PATH = Path("place") / "file"


@pytest.mark.parametrize(
    ("code", "cause", "advice"),
    [
        (errno.ENOSPC, "no space left", "make room"),
        (errno.EIO, "the disk fails", "another disk"),
        (errno.EROFS, "read-only", "name a place"),
        (errno.EACCES, "permission denied", "permissions"),
        (errno.EMFILE, "no descriptors are left", "ulimit -n"),
        (errno.ENOMEM, "not enough memory", "fewer texts"),
    ],
)
def test_each_code_has_its_cause_and_advice(code: int, cause: str, advice: str) -> None:
    raised = OSError(code, os.strerror(code), str(PATH))
    rust = Exception(f"Error while serializing: I/O error: words (os error {code})")
    wrapped = OSError(f"Can't load it: [Errno {code}] words")
    for error in (machine_error(raised), machine_error(rust, PATH), machine_error(wrapped, PATH)):
        assert error is not None
        assert cause in error.message
        assert str(PATH) in error.message
        assert advice in error.hint


def test_the_cause_is_found_behind_what_was_raised_from_it() -> None:
    try:
        try:
            raise OSError(errno.EMFILE, "Too many open files", str(PATH))
        except OSError:
            raise ValueError("it is no model") from None
    except ValueError as error:
        found = machine_error(error)
    assert found is not None
    assert "no descriptors are left" in found.message


def test_what_is_wrong_with_a_file_is_no_failure_of_the_machine() -> None:
    for error in (
        FileNotFoundError(errno.ENOENT, "No such file"),
        ValueError("not JSON"),
        OSError("truncated"),
    ):
        assert machine_error(error) is None
        raise_machine_error(error)
    raise_exhausted(OSError(errno.EACCES, "Permission denied"))
    with pytest.raises(MachineError):
        raise_exhausted(OSError(errno.EMFILE, "Too many open files"))


def test_memory_that_a_library_could_not_get() -> None:
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")):
        found = machine_error(error)
        assert found is not None
        assert (found.message, found.option) == ("not enough memory", "batch_size")


def test_what_says_no_cause_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unclear = RuntimeError("[enforce fail at inline_container.cc:626] . unexpected pos 64 vs 0")
    found = machine_error(unclear, tmp_path / "file")
    assert found is not None
    assert "could not be read or written" in found.message

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    found = machine_error(unclear, tmp_path / "file")
    assert found is not None
    assert found.message == f"no space left on the disk: {tmp_path / 'file'}"


def test_sqlite_that_finds_no_room(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "base")
    connection.execute("CREATE TABLE t (v BLOB)")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.Error) as caught, connection:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    found = machine_error(caught.value, tmp_path / "base")
    assert found is not None
    assert "no space left" in found.message


def test_a_block_names_the_path_that_it_writes() -> None:
    temporary = Path("place") / ".file.tmp"
    for name in (None, str(temporary), str(temporary / "part")):
        with (
            pytest.raises(MachineError, match=f"no space left on the disk: {PATH}$"),
            naming(PATH, temporary),
        ):
            raise OSError(errno.ENOSPC, "No space left on device", name)
    with pytest.raises(MachineError, match="descriptors are left: other$"), naming(PATH, temporary):
        raise OSError(errno.EMFILE, "Too many open files", "other")
    with pytest.raises(InputError, match="as it was"), naming(PATH, temporary):
        raise InputError("as it was")


def test_a_block_within_a_block_names_no_temporary_folder() -> None:
    temporary = PATH.with_name(".folder.1.tmp")
    inner = temporary / "training.json"
    message = f"no space left on the disk: {PATH / 'training.json'}$"
    with pytest.raises(MachineError, match=message), naming(PATH, temporary), naming(inner, Path("t")):
        raise OSError(errno.ENOSPC, "No space left on device")
