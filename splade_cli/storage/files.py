"""Files in and out: JSONL, JSON, atomic replacement, and claiming an output that a command may write."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from splade_cli.errors import InputError
from splade_cli.records import JsonValue
from splade_cli.storage.claims import LOCK, claimed
from splade_cli.storage.machine_faults import naming
from splade_cli.storage.outputs import make_folder, output_file, output_folder, require_readable, sync_folder

TEMPORARY = "splade-temporary-"
WAIT_SECONDS = 60.0
"""How long a file that another process is replacing is waited for."""


def read_jsonl(path: Path) -> Iterator[dict[str, JsonValue]]:
    """Objects of a JSONL file, blank lines skipped. Raises InputError with the line number."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", error)
                raise InputError(
                    f"{path}: line {number} is not JSON ({reason})", "one JSON object a line"
                ) from None
            if not isinstance(row, dict):
                raise InputError(
                    f"{path}: line {number} is a {type(row).__name__}, not an object",
                    "one JSON object a line",
                )
            yield row


@contextmanager
def open_text(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """A UTF-8 text file, opened with the errors that a user can act on; `newline` as of `open`."""
    require_readable(path)
    try:
        with open(path, encoding="utf-8-sig", newline=newline) as file:
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


def write_json(path: Path, value: object, *, alone: bool = False) -> None:
    """Writes one JSON document by way of a temporary file, `alone` as in `replacing`."""
    with replacing(path, alone=alone) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


@contextmanager
def replacing(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """A temporary sibling that takes the place of `path` when the block ends well; gone when it does not.

    Its bytes are on the disk before it takes the place, and its name is after.

    Args:
        alone: `path` is claimed meanwhile, and what killed processes left of it goes: for a file that lies in
            no folder which is claimed.

    Raises:
        InputError: as `claims.output_file` and `claims.claimed`.
        MachineError: naming `path` where the disk is full or failing, within the block too.
    """
    real = output_file(path)
    with ExitStack() as stack:
        if alone:
            stack.enter_context(claimed(real, wait=WAIT_SECONDS))
            remove_leftovers(real)
        temporary = _temporary_sibling(real)
        stack.enter_context(naming(path, temporary))
        make_folder(real.parent)
        try:
            yield temporary
            _sync_file(temporary)
            os.replace(temporary, real)
            sync_folder(real.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, *, synced: bool = False) -> Iterator[Path]:
    """A temporary sibling folder that takes the place of `path` when the block ends well.

    All of it is on the disk before. The old folder is moved aside first and removed last: killed at any
    point, one whole folder can be found, and `remove_leftovers` puts it back.

    Args:
        synced: who writes the files puts each of them on the disk already.

    Raises:
        InputError: as `claims.output_folder`.
        MachineError: as `replacing`.
    """
    real = output_folder(path)
    temporary = _temporary_sibling(real)
    old = _temporary_sibling(real, "old")
    try:
        with naming(path, temporary):
            make_folder(real.parent)
            temporary.mkdir()
            yield temporary
            _sync_tree(temporary, files=not synced)
            if real.exists():
                os.replace(real, old)
            os.replace(temporary, real)
            sync_folder(real.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not real.exists():
            os.replace(old, real)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """An empty folder among the system's temporary ones, gone at the end; those of killed runs go first."""
    place = Path(tempfile.gettempdir())
    names = {path.name.removeprefix(".").removesuffix(LOCK) for path in place.glob(f"*{TEMPORARY}*")}
    for name in sorted(names):
        # one that belongs to somebody is claimed, and not to be had
        with suppress(InputError, OSError), claimed(place / name):
            shutil.rmtree(place / name, ignore_errors=True)
    folder = place / f"{TEMPORARY}{secrets.token_hex(8)}"
    with claimed(folder):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _sync_tree(folder: Path, *, files: bool) -> None:
    """Puts the names below a folder on the disk, and where asked for what is in the `files`."""
    for path in folder.iterdir():
        if path.is_dir():
            _sync_tree(path, files=files)
        elif files and path.is_file():
            _sync_file(path)
    sync_folder(folder)


def _temporary_sibling(path: Path, ending: str = "tmp") -> Path:
    """A name that no other call has, in any process; `remove_leftovers` knows it by its shape."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.{ending}")


_LEFTOVER = re.compile(r"\.(.+)\.\d+\.[0-9a-f]{8}\.(tmp|old)")


def remove_leftovers(path: Path) -> None:
    """Removes what killed processes left beside `path`, and puts a folder back that was moved aside.

    Whoever calls has claimed `path`, or the folder that it is in: nobody is writing there.
    """
    real = Path(os.path.realpath(path))
    _remove_leftovers(real.parent, real.name)


def remove_leftovers_in(folder: Path) -> None:
    """The same for all names in a folder, which whoever calls has claimed."""
    _remove_leftovers(folder, None)


def _remove_leftovers(folder: Path, name: str | None) -> None:
    for leftover in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _LEFTOVER.fullmatch(leftover.name)
        if match is None or name not in (None, match[1]):
            continue
        place = folder / match[1]
        if match[2] == "old" and not place.exists():
            os.replace(leftover, place)
        elif leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with suppress(OSError):
                leftover.unlink()


def claim_output(path: Path, force: bool, marks: Sequence[str] = ()) -> None:
    """Raises InputError if `path` exists, is not an empty folder, and `force` was not asked for, or if no
    folder can be written there.

    Args:
        marks: names of which a folder that is replaced as a whole must hold one; nothing else is ever
            replaced, so that `force` on a wrong folder costs nobody their documents.
    """
    real = output_folder(path)
    inside: list[str] = []
    if real.is_dir():
        inside = sorted(entry.name for entry in real.iterdir() if entry.name != LOCK)
    if not inside:
        return
    if marks and not set(marks) & set(inside):
        raise InputError(
            f"{path} is not what this command writes, and holds {', '.join(inside[:3])}",
            "nothing else is replaced: name another output",
            option="output",
        )
    if not force:
        raise InputError(
            f"{path} exists already", "name another output, or allow replacing it", option="force"
        )
