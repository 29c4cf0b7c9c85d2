"""The records of rows: JSON lines in a memory-mapped file, found by number or by name; knows no vectors.

rows.jsonl         one record a line: id, text and, where known, title, document_id, headings, metadata
rows.offsets.npy   int64 [n + 1]: where each line starts
rows.keys.npy      uint64 [n, 2]: BLAKE2b-64 of a row's id and of its document's id
"""

from __future__ import annotations

import json
import mmap
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.store.arrays import ArrayFile, mapped
from splade_cli.records import Chunk

Row = dict[str, Any]
Item = TypeVar("Item")
FILES = ("rows.jsonl", "rows.offsets.npy", "rows.keys.npy")
_BLOCK = 4096


class Rows(Sequence[Row]):
    """The records of a segment folder, parsed one at a time when asked for."""

    def __init__(self, folder: Path) -> None:
        self._offsets = mapped(folder / "rows.offsets.npy")
        with open(folder / "rows.jsonl", "rb") as file:
            file.seek(0, 2)
            self._bytes: mmap.mmap | bytes = (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b""
            )
        if self._offsets.ndim != 1 or not len(self._offsets) or int(self._offsets[-1]) != len(self._bytes):
            raise ValueError("rows.offsets.npy does not fit rows.jsonl")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, number: int) -> Row: ...
    @overload
    def __getitem__(self, number: slice) -> list[Row]: ...
    def __getitem__(self, number: int | slice) -> Row | list[Row]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        row: Row = json.loads(self._bytes[self._offsets[number] : self._offsets[number + 1]])
        return row

    def __iter__(self) -> Iterator[Row]:
        return (self[number] for number in range(len(self)))


class Chained(Sequence[Item]):
    """The sequences of several segments, one after the other."""

    def __init__(self, parts: Sequence[Sequence[Item]]) -> None:
        self._parts = parts
        self._ends: list[int] = np.cumsum([len(part) for part in parts], dtype=np.int64).tolist()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, number: int) -> Item: ...
    @overload
    def __getitem__(self, number: slice) -> list[Item]: ...
    def __getitem__(self, number: int | slice) -> Item | list[Item]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        part = bisect_right(self._ends, number)
        start = self._ends[part - 1] if part else 0
        return self._parts[part][number - start]

    def __iter__(self) -> Iterator[Item]:
        return (item for part in self._parts for item in part)


class Keys:
    """Finds rows by name through hashes [n, 2] of ids and of document ids, sorted when first asked."""

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        self.hashes = hashes

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Keys:
        """The keys of records."""
        found = [(key_of(row["id"]), key_of(document_of(row))) for row in rows]
        return cls(np.array(found, dtype=np.uint64).reshape(-1, 2))

    def candidates(self, name: str, column: int) -> NDArray[np.int64]:
        """Rows whose id (column 0) or whose document's id (column 1) has the hash of `name`, ascending."""
        order, values = self._sorted[column]
        wanted = np.uint64(key_of(name))
        start, end = np.searchsorted(values, wanted, "left"), np.searchsorted(values, wanted, "right")
        return np.sort(order[start:end])

    @cached_property
    def _sorted(self) -> tuple[tuple[NDArray[np.int64], NDArray[np.uint64]], ...]:
        columns = [np.ascontiguousarray(self.hashes[:, which]) for which in (0, 1)]
        orders = [np.argsort(column) for column in columns]
        return tuple((order, column[order]) for order, column in zip(orders, columns, strict=True))


class RowsFile:
    """Writes the files of `Rows` and `Keys` while records pass by, so that others can read them on the way."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.count = folder, 0

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same records again; the files are whole when the last has been taken."""
        ends, place = [0], 0
        hashes: list[tuple[int, int]] = []
        with (
            open(self._folder / "rows.jsonl", "wb") as out,
            ArrayFile(self._folder / "rows.offsets.npy", np.int64) as offsets,
            ArrayFile(self._folder / "rows.keys.npy", np.uint64, 2) as keys,
        ):

            def flush() -> None:
                offsets.append(np.array(ends, dtype=np.int64))
                keys.append(np.array(hashes, dtype=np.uint64).reshape(-1, 2))
                ends.clear()
                hashes.clear()

            for row in rows:
                place += out.write(
                    json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
                )
                ends.append(place)
                hashes.append((key_of(row["id"]), key_of(document_of(row))))
                self.count += 1
                if len(ends) >= _BLOCK:
                    flush()
                yield row
            flush()


def key_of(name: str) -> int:
    """A 64-bit hash of a name; equal hashes are looked at again."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def document_of(row: Row) -> str:
    """The id of the document that a row belongs to; its own where the record names none."""
    return str(row.get("document_id") or row["id"])


def content_of(row: Row) -> str:
    """What a model reads of a row, see `records.Chunk.content`."""
    return Chunk(
        row["id"], document_of(row), row.get("text", ""), row.get("title", ""), tuple(row.get("headings", ()))
    ).content
