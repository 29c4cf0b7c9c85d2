"""One file's documents, read within limits of size, time and memory.

Formats whose parsers are not ours, or are large enough to take long, are read in a process of their own: only
a process can be stopped in the middle of a parser, and only it can run out of memory, or crash, alone.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from splade_cli.corpus.decoding import decoded_lines
from splade_cli.corpus.formats import BINARY_READERS, LINE_READERS, WORKBOOK_READERS, Unreadable
from splade_cli.corpus.formats.by_name import format_of, is_compressed
from splade_cli.corpus.formats.rows.row import RawDocument
from splade_cli.corpus.options import ReadingOptions
from splade_cli.corpus.whole_file import Read, in_megabytes, is_supported, read_whole, unsupported

Waiting = Callable[[int], None]
"""Called each second that a file takes with the seconds so far."""

QUICK_BYTES = 100_000
"""Up to so many bytes of text are read in this process: it is done before another could be asked."""
_MEMORY = 4_000_000_000  # bytes that the reading process may take
_CHILD = (
    "import sys; sys.path[:] = {path!r}; from splade_cli.corpus.file_reader import serve; "
    "serve(sys.stdin.buffer, sys.stdout.buffer)"
)


def kept_waiting(seconds: int) -> None:
    """The Waiting of callers who show nothing."""


class FileReader:
    """Reads files; the process that it starts for the risky ones is used again, and ends with it."""

    def __init__(self, options: ReadingOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> FileReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def documents(self, path: Path, waiting: Waiting = kept_waiting) -> Iterator[RawDocument | Unreadable]:
        """The documents of a file, and for each row that gives none the reason.

        Raises:
            Unreadable: why there is none, or none any more.
            OSError: as the system says.
        """
        if not is_supported(path):
            raise Unreadable(unsupported(path))
        ending = format_of(path)
        must_be_unpacked = is_compressed(path)
        if ending in LINE_READERS and not must_be_unpacked:
            yield from LINE_READERS[ending](decoded_lines(path, self._options.max_bytes))
            return
        size = path.stat().st_size
        if size > self._options.max_bytes:
            raise Unreadable(
                f"{in_megabytes(size)} are more than is read of a file "
                f"({in_megabytes(self._options.max_bytes)})"
            )
        is_risky = must_be_unpacked or ending in BINARY_READERS or ending in WORKBOOK_READERS
        if is_risky or size > QUICK_BYTES:
            yield from self._read_by_process(path, waiting)
        else:
            yield from read_whole(path, self._options.max_bytes)

    def _read_by_process(self, path: Path, waiting: Waiting) -> Read:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        answer = _Answer(process.stdout)
        deadline = time.monotonic() + self._options.max_seconds
        try:
            pickle.dump((os.path.abspath(path), self._options.max_bytes), process.stdin)
            process.stdin.flush()
            seconds = 0
            while not answer.came(min(1.0, max(0.0, deadline - time.monotonic()))):
                seconds += 1
                if time.monotonic() >= deadline:
                    raise Unreadable(f"takes longer to read than {self._options.max_seconds:g} s")
                waiting(seconds)
            result = answer.value()
        except BaseException as error:
            self._stop()
            if isinstance(error, EOFError | BrokenPipeError):
                raise Unreadable("crashes its reader, or takes more memory than a file may") from None
            raise
        if isinstance(result, Exception):
            raise result
        return result

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._process

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None


class _Answer:
    """What the process answers; read in a thread, since no system-independent wait for a pipe exists."""

    def __init__(self, pipe: BinaryIO | object) -> None:
        self._pipe = pipe
        self._result: Read | Exception | None = None
        self._thread = threading.Thread(target=self._load, daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            self._result = pickle.load(self._pipe)  # type: ignore[arg-type]
        except (EOFError, pickle.UnpicklingError, OSError, ValueError):
            self._result = None

    def came(self, seconds: float) -> bool:
        """Whether it, or the end of the process, comes within so many seconds."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def value(self) -> Read | Exception:
        """Raises EOFError where the process ended in place of answering."""
        if self._result is None:
            raise EOFError
        return self._result


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """The reading process: a path in, its documents or an Unreadable out, until there are no more paths."""
    _take_no_signals()
    _bound_memory()
    while True:
        try:
            path, max_bytes = pickle.load(requests)
        except EOFError:
            return
        answer: Read | Exception
        try:
            answer = list(read_whole(Path(path), max_bytes))
        except (Unreadable, OSError) as reason:
            answer = reason
        pickle.dump(answer, answers)
        answers.flush()


def _take_no_signals() -> None:
    """Ctrl-C reaches all processes of a terminal; this one ends with the one that asks it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _bound_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
