"""Content-addressed cache on disk: what was computed or paid for, by what made it and from what, in SQLite.

Encoded windows, teacher scores and answers of language models all lie here. Several processes and threads may
read and write one file at a time (write-ahead logging); what `put` has written survives a kill and a power
cut.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from splade_cli.claims import make_folder, output_file
from splade_cli.errors import InputError

FORMAT = 1
KEYS_AT_ONCE = 500
WAIT_SECONDS = 60.0
_TABLE = """CREATE TABLE IF NOT EXISTS entries (
    space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, crc32 INTEGER NOT NULL,
    UNIQUE (space, key))"""


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
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()


class Cache:
    """Byte strings by space and key.

    A space names what made the values, precisely enough that a value of one space never has to be made again:
    a model's identity with its precision and length limit, a language model with its prompt.

    Args:
        path: the file; made with its folder where it is missing.

    Raises:
        InputError: `path` cannot be written, or is no cache.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            make_folder(output_file(path).parent)
            self._connection = sqlite3.connect(path, timeout=WAIT_SECONDS, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version not in (0, FORMAT):
                self._connection.close()
                raise InputError(
                    f"{path} is a cache of format {version}, not {FORMAT}", f"delete it: rm {path}"
                )
            with self._connection:
                self._connection.execute(_TABLE)
                self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from None

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
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), KEYS_AT_ONCE):
            wanted = distinct[start : start + KEYS_AT_ONCE]
            marks = ",".join("?" * len(wanted))
            query = f"SELECT key, value, crc32 FROM entries WHERE space = ? AND key IN ({marks})"
            for key, value, checksum in self._read(query, [space, *wanted]):
                if zlib.crc32(value) == checksum:
                    values[key] = value
        return values

    def put(self, space: str, items: Mapping[bytes, bytes]) -> None:
        """Keeps values, all of them or none; a key that is there gets the new value."""
        rows = [(space, key, value, zlib.crc32(value)) for key, value in items.items()]
        statement = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)"
        try:
            with self._lock, self._connection:
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._error(error) from None

    def forget(self, spaces: Iterable[str]) -> None:
        """Drops all values of `spaces`, and gives their place on disk back."""
        try:
            with self._lock:
                with self._connection:
                    self._connection.executemany(
                        "DELETE FROM entries WHERE space = ?", [(space,) for space in spaces]
                    )
                self._connection.execute("VACUUM")
        except sqlite3.Error as error:
            raise self._error(error) from None

    def count(self, space: str) -> int:
        """How many values a space has."""
        return int(self._read("SELECT COUNT(*) FROM entries WHERE space = ?", [space])[0][0])

    def spaces(self) -> list[str]:
        """The spaces that have values, sorted."""
        return [str(row[0]) for row in self._read("SELECT DISTINCT space FROM entries ORDER BY space", [])]

    def _read(self, query: str, values: Sequence[str | bytes]) -> list[tuple[bytes, bytes, int]]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> InputError:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            return InputError(f"the cache {self.path} is damaged ({error})", f"delete it: rm {self.path}")
        return InputError(
            f"the cache {self.path} cannot be used ({error})", "is the disk full, or read-only?"
        )
