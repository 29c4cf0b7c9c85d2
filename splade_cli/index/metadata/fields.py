"""A record of a row in, the values of its fields out, and the arrays that hold them by kind; knows no files.

A record is ``{"id", "document_id", "title", "metadata": {...}}``. Every value in it belongs to a named field:

- ``id``, ``document_id``, ``title``; then the keys of the metadata, nested ones with dots (``author.name``), those
  below a key ``metadata`` without it. A metadata key named like one of the first three is ``metadata.id`` and so on.
- ``path`` also gives ``folder``, ``file`` and ``extension`` (lower case, no dot), where the record has no own ones.
- A list gives one value a member (objects in it give dotted fields), null and an empty list give none.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from posixpath import splitext
from typing import Any

import numpy as np
from numpy.typing import NDArray

OWN_FIELDS = ("id", "document_id", "title")
DTYPES: dict[str, Any] = {"numbers": np.float64, "integers": np.int32, "text": np.uint8, "ends": np.int64}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)


def spelled_number(text: str) -> float:
    """The number that `text` spells in decimal digits, NaN where it spells none or one too large for float64."""
    value = float(text) if _NUMBER.match(text) else math.nan
    return value if math.isfinite(value) else math.nan


def values_of(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of everything in a record that is a field; values are str, bool, int or float."""
    for name in OWN_FIELDS:
        if isinstance(row.get(name), str):
            yield name, row[name]
    metadata = row.get("metadata") or {}
    path = metadata.get("path")
    if isinstance(path, str):
        folder, _, file = path.rpartition("/")
        extension = splitext(file)[1][1:].lower()
        for name, value in (("folder", folder), ("file", file), ("extension", extension)):
            if name not in metadata:
                yield name, value
    for name, value in _leaves("", metadata):
        while name.startswith("metadata."):
            name = name.removeprefix("metadata.")
        yield f"metadata.{name}" if name in OWN_FIELDS else name, value


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(name, each)
    elif isinstance(value, date):
        yield name, value.isoformat()
    elif value is not None:
        yield name, value if isinstance(value, str | bool | int | float) else str(value)


@dataclass
class Gathered:
    """The values of one field while rows pass by: numbers of rows and values, by kind."""

    number_rows: array[int] = field(default_factory=lambda: array("i"))
    numbers: array[float] = field(default_factory=lambda: array("d"))
    flag_rows: array[int] = field(default_factory=lambda: array("i"))
    flags: array[int] = field(default_factory=lambda: array("i"))
    text_rows: array[int] = field(default_factory=lambda: array("i"))
    texts: array[int] = field(default_factory=lambda: array("i"))
    codes: dict[str, int] = field(default_factory=dict)

    def take(self, row: int, value: Any) -> None:
        if isinstance(value, bool):
            self.flag_rows.append(row)
            self.flags.append(int(value))
            return
        if not isinstance(value, str):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                self.number_rows.append(row)
                self.numbers.append(number)
                return
            value = str(value)
        self.text_rows.append(row)
        self.texts.append(self.codes.setdefault(value, len(self.codes)))

    def stored(self, stored: Stored, count: int) -> dict[str, Any]:
        """Puts the values into `stored`; gives the spans by kind."""
        kinds: dict[str, Any] = {}
        if self.numbers:
            kinds["numbers"] = stored.entries(
                self.number_rows, np.array(self.numbers, dtype=np.float64), count
            )
        if self.flags:
            kinds["flags"] = stored.entries(self.flag_rows, np.array(self.flags, dtype=np.int32), count)
        if self.texts:
            words = sorted(self.codes)
            places = np.empty(len(words), dtype=np.int32)
            places[[self.codes[word] for word in words]] = np.arange(len(words), dtype=np.int32)
            kinds["texts"] = stored.entries(self.text_rows, places[np.array(self.texts)], count)
            kinds["texts"].update(stored.words(words))
        return kinds


class Stored:
    """The arrays of all fields one after the other."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {
            name: [np.empty(0, dtype)] for name, dtype in DTYPES.items()
        }
        self._lengths = dict.fromkeys(DTYPES, 0)

    def put(self, name: str, values: NDArray[Any]) -> list[int]:
        start = self._lengths[name]
        self._parts[name].append(values.astype(DTYPES[name], copy=False))
        self._lengths[name] += len(values)
        return [start, self._lengths[name]]

    def entries(self, rows: array[int], values: NDArray[Any], count: int) -> dict[str, Any]:
        numbers = np.array(rows, dtype=np.int32)
        kind = "numbers" if values.dtype == np.float64 else "integers"
        # A place a row needs no row numbers: smaller from half of the rows on, and several times faster to scan.
        if 2 * len(numbers) >= count and np.all(np.diff(numbers) > 0):
            placed = np.full(count, np.nan if kind == "numbers" else -1, dtype=values.dtype)
            placed[numbers] = values
            return {"rows": None, "values": self.put(kind, placed)}
        return {"rows": self.put("integers", numbers), "values": self.put(kind, values)}

    def words(self, words: list[str]) -> dict[str, Any]:
        encoded = [word.encode("utf-8", "surrogatepass") for word in words]
        ends = np.cumsum([len(each) for each in encoded], dtype=np.int64)
        numbers = np.array([spelled_number(word) for word in words])
        return {
            "text": self.put("text", np.frombuffer(b"".join(encoded), dtype=np.uint8)),
            "ends": self.put("ends", ends),
            "numbers": None if np.isnan(numbers).all() else self.put("numbers", numbers),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}
