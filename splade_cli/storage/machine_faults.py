"""Failures of the operating system in words: from an error code to the cause, what to do, and the path.

A full disk, a read-only or failing one, missing rights, no file descriptors or no memory left say nothing of
the file that was being read or written: whoever turns errors into "damaged" asks here first.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from splade_cli.errors import MachineError


@dataclass(frozen=True)
class Cause:
    """What is wrong with the machine, and what to do about it; `option` as in SpladeError."""

    words: str
    advice: str
    option: str = ""


_ROOM = "make room there, and type the same command again"
_ELSEWHERE = "check the disk and its cables, or name a place on another disk"
_RIGHTS = "check its permissions and those of its folder, or name another place"
_DESCRIPTORS = "allow more: ulimit -n 4096, and type the same command again"
CAUSES = {
    errno.ENOSPC: Cause("no space left on the disk", _ROOM),
    errno.EDQUOT: Cause("your quota of the disk is used up", _ROOM),
    errno.EFBIG: Cause(
        "the file would be larger than is allowed",
        "allow larger files with the shell's ulimit, and type the same command again",
    ),
    errno.EIO: Cause("the disk fails (input/output error)", _ELSEWHERE),
    errno.ESTALE: Cause("the network disk has lost the file", _ELSEWHERE),
    errno.EROFS: Cause("the disk is read-only", "name a place that can be written to"),
    errno.EACCES: Cause("permission denied", _RIGHTS),
    errno.EPERM: Cause("permission denied", _RIGHTS),
    errno.EMFILE: Cause("too many files are open, no descriptors are left", _DESCRIPTORS),
    errno.ENFILE: Cause("too many files are open on this machine", "close other programs, and try again"),
    errno.ENOMEM: Cause(
        "not enough memory", "close other programs, or take fewer texts at a time", option="batch_size"
    ),
}
UNKNOWN = Cause(
    "it could not be read or written",
    "is there room on the disk, may you write there, and are file descriptors left?",
)
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_CODES = (re.compile(r"\bos error (\d+)\b"), re.compile(r"\[Errno (\d+)\]"))
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "std::bad_alloc")
_FAILED_WRITE = re.compile(
    r"requested and \d+ written|inline_container|PytorchStreamWriter|iostream error"
    r"|file write failed|I/O error"
)
_SQLITE = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_READONLY": errno.EROFS,
    "SQLITE_PERM": errno.EACCES,
    "SQLITE_NOMEM": errno.ENOMEM,
}
_SQLITE_UNKNOWN = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")


def machine_error(error: BaseException, path: Path | None = None) -> MachineError | None:
    """`error`, or what it was raised from, as a failure of the machine; None where it is none.

    Args:
        path: what was read or written, by the name that the user knows.
    """
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        if isinstance(each, MachineError):
            return each
        cause = _cause(each, path)
        if cause is not None:
            return _named(cause, path or _path_of(each))
        each = each.__cause__ or each.__context__
    return None


def raise_machine_error(error: BaseException, path: Path | None = None) -> None:
    """Raises MachineError where `error` is a failure of the machine, and nothing of what it was doing."""
    known = machine_error(error, path)
    if known is not None:
        raise known from error


def raise_exhausted(error: OSError) -> None:
    """Raises MachineError where descriptors or memory ran out, so that any other file would fail too."""
    if error.errno in _EXHAUSTED:
        raise_machine_error(error)


@contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Failures of the machine within the block are MachineErrors that name `path`, unless they are of another
    file than `temporary`, which is to become `path`, or those below it."""
    try:
        yield
    except MachineError as error:
        if str(temporary) not in error.message:
            raise
        message = error.message.replace(str(temporary), str(path))
        raise MachineError(message, error.hint, option=error.option) from error
    except Exception as error:
        own = _path_of(error)
        if own is not None and not own.is_relative_to(temporary):
            path = own
        raise_machine_error(error, path)
        raise


def _cause(error: BaseException, path: Path | None) -> Cause | None:
    if isinstance(error, MemoryError):
        return CAUSES[errno.ENOMEM]
    if hasattr(error, "sqlite_errorname"):
        return _cause_of_sqlite(error, path)
    if isinstance(error, OSError) and error.errno is not None:
        return CAUSES.get(error.errno)
    text = str(error)
    for pattern in _CODES:
        found = pattern.search(text)
        if found is not None:
            return CAUSES.get(int(found[1]))
    if isinstance(error, RuntimeError) and any(words in text.lower() for words in _NO_MEMORY):
        return CAUSES[errno.ENOMEM]
    if isinstance(error, OSError | RuntimeError) and _FAILED_WRITE.search(text):
        return _seen_now(path)
    return None


def _cause_of_sqlite(error: BaseException, path: Path | None) -> Cause | None:
    """SQLite gives a code of its own, which does not always say what the system said."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name in _SQLITE:
        return CAUSES[_SQLITE[name]]
    if name.startswith(_SQLITE_UNKNOWN):
        return _seen_now(path)
    return None


def _seen_now(path: Path | None) -> Cause:
    """What stands in the way of writing beside `path` at this moment: for libraries that do not say."""
    if path is None:
        return UNKNOWN
    try:
        if path.exists() and not os.access(path, os.W_OK):
            return CAUSES[errno.EACCES]
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return CAUSES.get(error.errno or 0, UNKNOWN)
    return UNKNOWN


def _path_of(error: BaseException) -> Path | None:
    name = getattr(error, "filename", None)
    if isinstance(name, bytes):
        with suppress(UnicodeDecodeError):
            name = name.decode()
    return Path(name) if isinstance(name, str) and name else None


def _named(cause: Cause, path: Path | None) -> MachineError:
    message = cause.words
    if path is not None:
        message = f"{cause.words}: {path}"
    return MachineError(message, cause.advice, option=cause.option)
