"""One try in a process of its own, forked from this one, so that a crash ends that alone.

A fork shares what is loaded and compiled already, so that a try costs what it does and no start.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from splade_cli.errors import SpladeError

ANSWERED, REFUSED = "same answer", "refused"
LIMIT_BYTES = 6 << 30


@dataclass(frozen=True)
class Ending:
    """How a try ended.

    Attributes:
        kind: ANSWERED, REFUSED (an error with a message and a hint), "traceback", "crash", "hang" or
            "memory".
        text: the answer, or the error.
    """

    kind: str
    text: str


def tried(action: Callable[[], str], seconds: float = 60.0) -> Ending:
    """What became of `action` in a fork of this process, with LIMIT_BYTES of address space."""
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _run(action, writing)
        finally:
            # whatever befalls it, even a parent that has gone: a child never goes on as its parent
            os._exit(1)
    os.close(writing)
    said = _read_until(reading, time.monotonic() + seconds)
    os.close(reading)
    if said is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said is None:
        return Ending("hang", f"after {seconds:.0f} s")
    if os.WIFSIGNALED(status):
        return Ending("crash", signal.Signals(os.WTERMSIG(status)).name)
    kind, _, text = said.partition("\n")
    return Ending(kind or "crash", text)


def _run(action: Callable[[], str], writing: int) -> None:
    """The child: runs, says how it ended, and is gone without cleaning up after its parent."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        ending = f"{ANSWERED}\n{action()}"
    except SpladeError as error:
        ending = f"{REFUSED}\n{error.message} | {error.hint}"
        if not error.hint:
            ending = f"traceback\nno hint: {error.message}"
    except MemoryError:
        ending = f"memory\n{traceback.format_exc()}"
    except BaseException:
        ending = f"traceback\n{traceback.format_exc()}"
    content = ending.encode("utf-8", "backslashreplace")
    while content:
        content = content[os.write(writing, content) :]
    os._exit(0)


def _read_until(reading: int, deadline: float) -> str | None:
    pieces = []
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([reading], [], [], max(0.0, left))
        if not ready:
            return None
        piece = os.read(reading, 1 << 16)
        if not piece:
            return b"".join(pieces).decode("utf-8")
        pieces.append(piece)
