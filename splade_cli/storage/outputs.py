"""Places of outputs: whether a file or a folder can be written at a path, and names that are on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.storage.machine_faults import raise_machine_error

ELSEWHERE = "name another output"
_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OPENED = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def output_file(path: Path) -> Path:
    """Where a file named `path` would be written, links followed.

    Raises:
        InputError: something else than a file is there, or nothing can be written there.
    """
    return _real_output(path, "a file")


def output_folder(path: Path) -> Path:
    """The same for a folder. Raises InputError as `output_file` does."""
    return _real_output(path, "a folder")


def require_no_files(folder: Path, names: Sequence[str], force: bool) -> None:
    """Raises InputError where one of the files that are to be written into a folder is there already."""
    output_folder(folder)
    existing = [] if force else [name for name in names if os.path.lexists(folder / name)]
    if existing:
        raise InputError(
            f"{folder / existing[0]} exists already",
            "name another output, or allow replacing it",
            option="force",
        )


def require_readable(path: Path) -> None:
    """Raises InputError for a pipe, device or socket, which may never end, unless the shell has opened it.

    What is not there is let pass: opening it says so.
    """
    with suppress(OSError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and not str(path).startswith(_OPENED):
            raise InputError(
                f"{path} is {kind_of(mode)}, a file was expected",
                "write what comes out of it to a file first",
            )


def kind_of(mode: int) -> str:
    """What a path is, in words."""
    for is_kind, name in _KINDS:
        if is_kind(mode):
            return name
    return "something else"


def make_folder(folder: Path) -> list[Path]:
    """Makes a folder with those above it, on the disk too; gives those that were not there, uppermost first.

    Raises:
        InputError: one of them is no folder, or must not be written to.
    """
    missing: list[Path] = []
    above = folder
    while not above.exists() and above != above.parent:
        missing.append(above)
        above = above.parent
    if missing:
        require_writable(folder, above)
    missing.reverse()
    for each in missing:
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)
    return missing


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can."""
    if os.name == "nt":
        return  # folders cannot be opened there, and need not be
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _real_output(path: Path, wanted: str) -> Path:
    if str(path) == "-":
        raise InputError(f"- is standard output, {wanted} was expected", ELSEWHERE)
    real = Path(os.path.realpath(path))
    try:
        mode = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        require_writable(path, real.parent)
        return real
    except OSError as error:
        raise_machine_error(error, path)
        raise InputError(f"{path} cannot be written: {error.strerror or error}", ELSEWHERE) from None
    if kind_of(mode) != wanted:
        raise InputError(f"{path} is {kind_of(mode)}, not {wanted}", ELSEWHERE)
    require_writable(path, real if stat.S_ISDIR(mode) else real.parent)
    return real


def require_writable(path: Path, folder: Path) -> None:
    """Raises InputError where `path` cannot be made as `folder`, or the first above it, takes nothing."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        kind = "a link that leads nowhere"
        with suppress(OSError):
            kind = kind_of(folder.stat().st_mode)
        raise InputError(f"{path} cannot be written: {folder} is {kind}, not a folder", ELSEWHERE)
    if os.access(folder, os.W_OK | os.X_OK):
        return
    reason = f"you may not write to {folder}"
    if hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY:
        reason = f"{folder} is on a disk that is read-only"
    raise InputError(f"{path} cannot be written: {reason}", ELSEWHERE)
