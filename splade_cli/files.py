"""Files in and out: JSONL, JSON, atomic replacement, and claiming an output that a command may write."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.records import JsonValue


def read_jsonl(path: Path) -> Iterator[dict[str, JsonValue]]:
    """Objects of a JSONL file, blank lines skipped. Raises InputError with the line number."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(
                    f"{path}: line {number} is not JSON ({error.msg})", "one JSON object a line"
                ) from None
            if not isinstance(row, dict):
                raise InputError(
                    f"{path}: line {number} is a {type(row).__name__}, not an object",
                    "one JSON object a line",
                )
            yield row


@contextmanager
def open_text(path: Path) -> Iterator[Iterable[str]]:
    """A UTF-8 text file, opened with the errors that a user can act on."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"no such file: {path}", "check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, a file was expected", "name a file inside it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start})", "convert it: iconv -t utf-8") from None


def write_jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Writes one object a line, by way of a temporary file, so that a reader never sees half of it."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_json(path: Path, value: object) -> None:
    """Writes one JSON document by way of a temporary file."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary sibling that takes the place of `path` when the block ends well; gone when it does not.

    Args:
        durable: its bytes are on the disk before it takes the place, and its name is after.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_sibling(path)
    try:
        yield temporary
        if durable:
            _sync_file(temporary)
        os.replace(temporary, path)
        if durable:
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can."""
    if os.name == "nt":
        return  # folders cannot be opened there, and need not be
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _temporary_sibling(path: Path, ending: str = "tmp") -> Path:
    """A name that no other call has, in any process; `remove_leftovers` reads its process from it."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.{ending}")


def remove_leftovers(path: Path) -> None:
    """Removes the temporary siblings of `path` that killed processes left; those of running ones stay."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.[0-9a-f]+\.tmp")
    for sibling in path.parent.iterdir() if path.parent.is_dir() else ():
        match = pattern.fullmatch(sibling.name)
        if match is None or is_running(int(match[1])):
            continue
        if sibling.is_dir():
            shutil.rmtree(sibling, ignore_errors=True)
        else:
            sibling.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, process)
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary sibling folder that takes the place of `path` when the block ends well.

    The old folder is moved aside first and removed last: killed at any point, one whole folder can be found.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_sibling(path)
    old = _temporary_sibling(path, "old")
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(old, ignore_errors=True)


def claim_output(path: Path, force: bool, marks: Sequence[str] = ()) -> None:
    """Raises InputError if `path` exists, is not an empty folder, and `force` was not asked for.

    Args:
        marks: names of which a folder that is replaced as a whole must hold one; nothing else is ever
            replaced, so that `force` on a wrong folder costs nobody their documents.
    """
    inside = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
    if not (path.is_file() or inside):
        return
    if marks and not set(marks) & set(inside):
        held = f", and holds {', '.join(inside[:3])}" if inside else ""
        raise InputError(
            f"{path} is not what this command writes{held}",
            "nothing else is replaced: name another output",
            option="output",
        )
    if not force:
        raise InputError(
            f"{path} exists already", "name another output, or allow replacing it", option="force"
        )
