"""Gathering of metadata: values of fields by kind while chunks pass by, and the arrays that hold them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.dictionary import encoded
from splade_cli.index.metadata.fields import Scalar, spelled_number

Span = tuple[int, int]
Spans = dict[str, Span | None]
DTYPES: dict[str, np.dtype[Any]] = {
    "numbers": np.dtype(np.float64),
    "integers": np.dtype(np.int32),
    "text": np.dtype(np.uint8),
    "ends": np.dtype(np.int64),
}


@dataclass
class FieldValues:
    """Values of one field while chunks pass by: numbers of rows and values, by kind."""

    number_rows: array[int] = field(default_factory=lambda: array("i"))
    numbers: array[float] = field(default_factory=lambda: array("d"))
    flag_rows: array[int] = field(default_factory=lambda: array("i"))
    flags: array[int] = field(default_factory=lambda: array("i"))
    text_rows: array[int] = field(default_factory=lambda: array("i"))
    texts: array[int] = field(default_factory=lambda: array("i"))
    codes: dict[str, int] = field(default_factory=dict)

    def add(self, row: int, value: Scalar) -> None:
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

    def write(self, arrays: ColumnArrays, count: int) -> dict[str, Spans]:
        """Puts the values behind those of `arrays`; gives where they lie, by kind."""
        kinds: dict[str, Spans] = {}
        if self.numbers:
            kinds["numbers"] = arrays.add_entries(self.number_rows, np.array(self.numbers), count)
        if self.flags:
            kinds["flags"] = arrays.add_entries(self.flag_rows, np.array(self.flags, dtype=np.int32), count)
        if self.texts:
            texts = sorted(self.codes)
            codes = np.empty(len(texts), dtype=np.int32)
            codes[[self.codes[text] for text in texts]] = np.arange(len(texts), dtype=np.int32)
            spans = arrays.add_entries(self.text_rows, codes[np.array(self.texts)], count)
            kinds["texts"] = spans | arrays.add_dictionary(texts)
        return kinds


class ColumnArrays:
    """The arrays of all fields one after the other, which a container holds as four tensors."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {
            name: [np.empty(0, dtype)] for name, dtype in DTYPES.items()
        }
        self._lengths = dict.fromkeys(DTYPES, 0)

    def _append(self, name: str, values: NDArray[Any]) -> Span:
        start = self._lengths[name]
        self._parts[name].append(values.astype(DTYPES[name], copy=False))
        self._lengths[name] += len(values)
        return (start, self._lengths[name])

    def add_entries(self, rows: array[int], values: NDArray[Any], count: int) -> Spans:
        """Values of one kind, and the numbers of their rows where not every row has a place."""
        numbers = np.array(rows, dtype=np.int32)
        kind = "numbers" if values.dtype == np.float64 else "integers"
        # One entry a row needs no row numbers: smaller from half of the rows on, and several times faster to
        # scan.
        if 2 * len(numbers) >= count and np.all(np.diff(numbers) > 0):
            missing = np.nan if kind == "numbers" else -1
            by_row = np.full(count, missing, dtype=values.dtype)
            by_row[numbers] = values
            return {"rows": None, "values": self._append(kind, by_row)}
        return {"rows": self._append("integers", numbers), "values": self._append(kind, values)}

    def add_dictionary(self, texts: list[str]) -> Spans:
        """Ascending texts, and the number that each spells."""
        text, ends = encoded(texts)
        numbers = np.array([spelled_number(each) for each in texts])
        spans: Spans = {
            "text": self._append("text", text),
            "ends": self._append("ends", ends),
            "numbers": None,
        }
        if not np.isnan(numbers).all():
            spans["numbers"] = self._append("numbers", numbers)
        return spans

    def joined(self) -> dict[str, NDArray[Any]]:
        """Each of the arrays as one."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}
