"""Claims on outputs: the lock by which one process at a time writes to a file or folder.

The lock is one of the operating system (flock), so that a process that dies, however, holds it no longer. Its
file lies beside what is claimed, says who holds it, and is gone when the claim ends.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.storage.machine_faults import raise_machine_error
from splade_cli.storage.outputs import ELSEWHERE, make_folder, require_writable

LOCK = ".lock"
GRACE = 15.0
"""Seconds that a lock is waited for whose process is gone: those that it forked hold it until they notice."""
PAUSE = 0.05


@dataclass(frozen=True)
class Holder:
    """The process that holds a claim.

    Attributes:
        process: its number, on the machine `host`.
        since: when it began, ISO 8601 with the offset of its clock.
        command: what was typed, cut where it is long.
    """

    process: int
    host: str
    since: str
    command: str

    def __str__(self) -> str:
        began = datetime.fromisoformat(self.since).astimezone()
        when = f"{began:%H:%M}"
        if began.date() != datetime.now().astimezone().date():
            when = f"{began:%Y-%m-%d %H:%M}"
        where = ""
        if self.host != socket.gethostname():
            where = f" on {self.host}"
        return f"process {self.process}{where}, since {when} ({self.command})"

    @property
    def is_gone(self) -> bool:
        """Whether it was a process of this machine that runs no longer."""
        return self.host == socket.gethostname() and not is_running(self.process)


@contextmanager
def claimed(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """The sole right to write to a file or folder, for the length of the block.

    Links are followed, so that all names of a folder are one. Folders above it that are missing are made, and
    go again where nothing was put into them.

    Args:
        wait: seconds that another process may take before it is too long.

    Raises:
        InputError: another process, or another thread, has it; or nothing can be written there.
    """
    real = Path(os.path.realpath(path))
    if not real.is_dir():
        require_writable(path, real.parent)
    made = make_folder(real.parent)
    try:
        lock = _lock_of(real)
        handle = _acquired(path, lock, wait)
        try:
            yield
        finally:
            _release(handle, lock)
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


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


def _lock_of(real: Path) -> Path:
    """Beside what is claimed; in it, where it is a folder and nothing can be put beside it."""
    if real.name and (os.access(real.parent, os.W_OK | os.X_OK) or not real.is_dir()):
        return real.with_name(f".{real.name}{LOCK}")
    return real / LOCK


def _acquired(path: Path, lock: Path, wait: float) -> int:
    """The handle of the lock file, locked, with this process named in it."""
    started = time.monotonic()
    while True:
        try:
            handle = _locked(lock)
        except OSError as error:
            raise_machine_error(error, path)
            reason = error.strerror or str(error)
            raise InputError(f"{path} cannot be written: {reason}: {lock}", ELSEWHERE) from None
        if handle is not None:
            break
        holder = _holder(lock)
        patience = wait
        if holder is None:
            patience = max(wait, 1.0)  # it is about to write its name
        elif holder.is_gone:
            patience = max(wait, GRACE)
        if time.monotonic() - started >= patience:
            raise InputError(
                f"{path} is being written by {holder or 'another process'}",
                "wait until it has ended, then type the same command again",
            )
        time.sleep(PAUSE)
    holder = Holder(
        os.getpid(),
        socket.gethostname(),
        datetime.now().astimezone().isoformat(timespec="seconds"),
        " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
    )
    os.ftruncate(handle, 0)
    os.write(handle, (json.dumps(asdict(holder)) + "\n").encode())
    return handle


def _locked(lock: Path) -> int | None:
    """The handle of the lock file, None where another has the lock, or has just let it go."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        if lock.parent.is_dir():
            raise  # a folder that takes no files, such as /proc
        lock.parent.mkdir(parents=True, exist_ok=True)  # one that ended took it along
        return None
    try:
        # Who held it took its name away: a lock on a file without a name excludes nobody.
        if _lock(handle) and os.path.samestat(os.fstat(handle), os.stat(lock)):
            return handle
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _lock(handle: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, 1 << 30, os.SEEK_SET)  # far behind the text, which others read
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(handle: int, lock: Path) -> None:
    if sys.platform == "win32":  # where an open file has to keep its name
        os.close(handle)
        with suppress(OSError):
            lock.unlink()
        return
    with suppress(OSError):
        lock.unlink()
    os.close(handle)


def _holder(lock: Path) -> Holder | None:
    """Who is named in a lock file, None where nobody is yet."""
    try:
        return Holder(**json.loads(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
