"""Content-addressed cache on disk: what was computed or paid for, by what made it and from what, in SQLite.

Encoded windows, teacher scores and answers of language models all lie here. Several processes and threads may
read and write one file at a time (write-ahead logging); what `put` has written survives a kill and a power
cut. A damaged row counts as missing; of a damaged file the whole rows are kept, in a fresh one.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from splade_cli.errors import InputError, SpladeError
from splade_cli.storage.machine_faults import machine_error
from splade_cli.storage.outputs import make_folder, output_file
from splade_cli.storage.salvage import (
    BESIDE,
    FORMAT,
    INSERT,
    TABLE,
    is_damage,
    renew,
    require_sound,
    row_checksum,
)

KEYS_AT_ONCE = 500
WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.02
Result = TypeVar("Result")


def unfinished_folder() -> Path:
    """Where encoded texts of an evaluation are kept until its figures stand."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "splade" / "unfinished"


def key_of(*parts: str | bytes) -> bytes:
    """A hash of 20 bytes of `parts`; ``("ab", "c")`` and ``("a", "bc")`` have different ones."""
    digest = blake2b(digest_size=20)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.digest()


def remove_cache(path: Path) -> None:
    """Deletes a cache with the files beside it, unless the system forbids it, as it is open elsewhere."""
    for suffix in ("", *BESIDE):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turns write-ahead logging on; SQLite does not wait by itself for another process that does the same."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)


class Cache:
    """Byte strings by space and key.

    A space names what made the values, precisely enough that a value of one space never has to be made again:
    a model's identity with its precision and length limit, a language model with its prompt.

    Args:
        path: the file; made with its folder where it is missing.

    Raises:
        InputError: `path` is no cache of this version, or another process writes to it all the time.
        MachineError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            make_folder(output_file(path).parent)
            self._connection = self._opened_or_renewed()
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the use of the file; may be called twice."""
        with self._lock:
            self._connection.close()

    def get(self, space: str, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values that are there, by key. One whose checksum is wrong counts as missing."""
        values: dict[bytes, bytes] = {}
        damaged = 0
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), KEYS_AT_ONCE):
            wanted = distinct[start : start + KEYS_AT_ONCE]
            marks = ",".join("?" * len(wanted))
            query = f"SELECT key, value, crc32 FROM entries WHERE space = ? AND key IN ({marks})"
            for key, value, checksum in self._read(query, [space, *wanted]):
                is_whole = isinstance(key, bytes) and isinstance(value, bytes)
                if is_whole and row_checksum(space, key, value) == checksum:
                    values[key] = value
                else:
                    damaged += 1
        if damaged:
            logging.getLogger(__name__).warning(
                "%s: %d damaged rows are passed over, and made anew", self.path, damaged
            )
        return values

    def put(self, space: str, items: Mapping[bytes, bytes]) -> None:
        """Keeps values, all of them or none; a key that is there gets the new value."""
        rows = [(space, key, value, row_checksum(space, key, value)) for key, value in items.items()]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany(INSERT, rows)

        self._use(write)

    def add(self, space: str, key: bytes, value: bytes) -> bool:
        """Keeps a value where the key has none, whatever other processes do; returns whether it was kept."""
        row = (space, key, value, row_checksum(space, key, value))
        return self._write_row("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)", row)

    def remove(self, space: str, key: bytes, value: bytes) -> bool:
        """Drops the value of a key if it is `value`; returns whether it was."""
        statement = "DELETE FROM entries WHERE space = ? AND key = ? AND value = ?"
        return self._write_row(statement, (space, key, value))

    def forget(self, spaces: Iterable[str]) -> None:
        """Drops all values of `spaces`, and gives their place on disk back."""
        names = [(space,) for space in spaces]

        def drop(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("DELETE FROM entries WHERE space = ?", names)
            connection.execute("VACUUM")

        self._use(drop)

    def count(self, space: str) -> int:
        """How many values a space has."""
        return int(self._read("SELECT COUNT(*) FROM entries WHERE space = ?", [space])[0][0])

    def spaces(self) -> list[str]:
        """The spaces that have values, sorted."""
        rows = self._read("SELECT DISTINCT space FROM entries ORDER BY space", [])
        return [row[0].decode("utf-8", "replace") for row in rows]

    def _write_row(self, statement: str, values: Sequence[str | bytes | int]) -> bool:
        """Runs a statement for one row; returns whether there was one."""

        def write(connection: sqlite3.Connection) -> bool:
            with connection:
                return connection.execute(statement, values).rowcount == 1

        return self._use(write)

    def _read(self, query: str, values: Sequence[str | bytes]) -> list[Any]:
        return self._use(lambda connection: connection.execute(query, values).fetchall())

    def _use(self, action: Callable[[sqlite3.Connection], Result]) -> Result:
        """The result of an action on the file; where that proves damaged, of the same on a fresh one."""
        with self._lock:
            try:
                try:
                    return action(self._connection)
                except sqlite3.ProgrammingError:
                    raise
                except sqlite3.Error as error:
                    if not is_damage(error, self.path):
                        raise
                    self._connection.close()
                    self._renew(error)
                    self._connection = self._opened()
                    return action(self._connection)
            except (OSError, sqlite3.Error) as error:
                raise self._error(error) from error

    def _opened_or_renewed(self) -> sqlite3.Connection:
        try:
            return self._opened()
        except sqlite3.Error as error:
            if not is_damage(error, self.path):
                raise
            self._renew(error)
        return self._opened()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, check_same_thread=False)
        try:
            connection.text_factory = bytes  # damaged text is no text
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
            require_sound(connection)
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version not in (0, FORMAT):
                raise InputError(
                    f"{self.path} is a cache of format {version}, not {FORMAT}",
                    f"put it aside: mv {self.path} {self.path}.old",
                )
            with connection:
                connection.execute(TABLE)
                connection.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _renew(self, error: sqlite3.Error) -> None:
        aside, kept = renew(self.path)
        logging.getLogger(__name__).warning(
            "%s was damaged (%s): %d whole rows of it are kept, the rest is made anew; the old file is %s",
            self.path,
            error,
            kept,
            aside,
        )

    def _error(self, error: OSError | sqlite3.Error) -> SpladeError:
        known = machine_error(error, self.path)
        if known is not None:
            return known
        if isinstance(error, OSError):
            return InputError(
                f"the cache {self.path} cannot be used: {error.strerror or error}", "name another output"
            )
        return InputError(
            f"the cache {self.path} cannot be used ({error})",
            "if another process writes to it, wait until it has ended",
        )
