"""The end of the process: once every exit handler has run, it ends without taking the interpreter apart.

Freeing each module and object of a search by itself takes a third of a second, and the system frees all of it
at once.
"""

from __future__ import annotations

import atexit
import os
import sys

READING = frozenset({"search", "query", "terms"})
"""Commands that leave nothing open that only a finaliser would close: what they write is closed at once."""
HELP = frozenset({"-h", "--help"})
"""Options that end any command before it opens anything."""


class Ending:
    """Ends this process with `code` as the last of its exit handlers, where that is given.

    Exit handlers run in the opposite order, so one that is made before anything else runs after all others:
    threads have been waited for by then, and temporary folders and child processes are gone.

    Attributes:
        code: exit code of a command that came to its end; None leaves the rest to the interpreter.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self._process = os.getpid()
        atexit.register(self._leave)

    def _leave(self) -> None:
        is_measured = "coverage" in sys.modules or sys.gettrace() is not None
        if self.code is None or is_measured or os.getpid() != self._process:
            return
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except (OSError, ValueError):  # the interpreter says so, and ends with a code of its own
            return
        os._exit(self.code)
