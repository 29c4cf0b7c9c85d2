"""Salvage of a damaged SQLite file: its whole rows go into a fresh one, and the old file is kept aside.

A row carries a checksum over all of it, since SQLite has none: a changed byte in a page would come back as
another value, and one in an index as the value of another key.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from splade_cli.storage.machine_faults import machine_error

FORMAT = 2
TABLE = """CREATE TABLE IF NOT EXISTS entries (
    space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, crc32 INTEGER NOT NULL,
    UNIQUE (space, key))"""
INSERT = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)"
BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a file, by ending."""
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_COPIED_AT_ONCE = 1000


def row_checksum(space: str, key: bytes, value: bytes) -> int:
    """CRC-32 of a whole row."""
    start = zlib.crc32(space.encode("utf-8", "surrogateescape"))
    return zlib.crc32(value, zlib.crc32(key, start))


def is_damage(error: sqlite3.Error, path: Path) -> bool:
    """Whether the file itself is at fault, and not the machine or another process that is writing."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name == "SQLITE_IOERR_SHORT_READ":
        return True
    return not name.startswith(_BUSY) and machine_error(error, path) is None


def require_sound(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where the pages of a file, or its table, are not what they must be."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found is None or found[0] not in ("ok", b"ok"):
        raise sqlite3.DatabaseError(f"its pages are damaged: {found}")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(entries)")]
    if columns not in ([], ["space", "key", "value", "crc32"], [b"space", b"key", b"value", b"crc32"]):
        raise sqlite3.DatabaseError("its table is damaged")


def renew(path: Path) -> tuple[Path, int]:
    """Puts a fresh file in the place of a damaged one; no connection to it may be open in this process.

    Returns where the old one is now, ``NAME.damaged``, and how many rows the fresh one has of it.

    Raises:
        OSError, sqlite3.Error: the fresh file cannot be written.
    """
    aside = path.with_name(f"{path.name}.damaged")
    fresh = path.with_name(f"{path.name}.fresh")
    _remove(fresh)
    kept = 0
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute(TABLE)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        rows: list[tuple[str, bytes, bytes, int]] = []
        for row in _whole_rows(path):
            rows.append(row)
            if len(rows) == _COPIED_AT_ONCE:
                connection.executemany(INSERT, rows)
                rows.clear()
        connection.executemany(INSERT, rows)
        connection.commit()
        kept = int(connection.execute("SELECT COUNT(*) FROM entries").fetchone()[0])
    # A log of the old file's changes must never lie beside the fresh one, to which it would be applied.
    _remove(aside)
    for ending in BESIDE:
        with suppress(FileNotFoundError):
            os.replace(f"{path}{ending}", f"{aside}{ending}")
    try:
        os.link(path, aside)  # so that there is a file at any moment
    except OSError:
        os.replace(path, aside)
    os.replace(fresh, path)
    return aside, kept


def _whole_rows(path: Path) -> Iterator[tuple[str, bytes, bytes, int]]:
    """Rows whose checksum is right, from the first up to the damage and from the last down to it."""
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            connection.text_factory = bytes
            query = f"SELECT space, key, value, crc32 FROM entries NOT INDEXED ORDER BY rowid {order}"
            for space, key, value, checksum in connection.execute(query):
                if not all(isinstance(each, bytes) for each in (space, key, value)):
                    continue
                name = space.decode("utf-8", "surrogateescape")
                if row_checksum(name, key, value) == checksum:
                    yield name, key, value, checksum
            return


def _remove(path: Path) -> None:
    for ending in ("", *BESIDE):
        Path(f"{path}{ending}").unlink(missing_ok=True)
