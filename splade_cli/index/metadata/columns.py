"""Records of rows in, typed columns of their metadata out, memory-mapped; knows no filter language and no vectors.

A field may hold several kinds at once: numbers (float64), booleans and text, each kept apart, so that rows and segments
need not agree. Dates are text, and ISO dates sort as such.

    columns.json           rows and, for each field and kind, the spans of the arrays below
    columns.numbers.npy    float64: numbers, NaN where there is none; then what number a text spells
    columns.integers.npy   int32: codes of texts and truth values (-1 where there is none), numbers of rows
    columns.text.npy       uint8: the distinct texts of a field in UTF-8, ascending
    columns.ends.npy       int64: where each of them ends
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError
from splade_cli.index.metadata.fields import DTYPES, OWN_FIELDS, Gathered, Stored, values_of
from splade_cli.index.store.dictionary import TextDictionary

FILES = (
    "columns.json",
    "columns.numbers.npy",
    "columns.integers.npy",
    "columns.text.npy",
    "columns.ends.npy",
)


@dataclass(frozen=True)
class Entries:
    """Values of one kind. `rows` int32 ascending names the row of each; None: place i is row i, and may be empty."""

    rows: NDArray[np.int32] | None
    values: NDArray[Any]

    def present(self) -> NDArray[np.bool_]:
        """Which places hold a value."""
        held: NDArray[np.bool_] = (
            ~np.isnan(self.values) if self.values.dtype == np.float64 else self.values >= 0
        )
        return held

    def mark(self, mask: NDArray[np.bool_], hits: NDArray[np.bool_]) -> None:
        """Sets `mask` [rows] for the rows of the places that are `hits`."""
        if self.rows is None:
            mask |= hits
        else:
            mask[self.rows[hits]] = True


@dataclass(frozen=True)
class Field:
    """One field's values by kind; `texts` holds positions in `dictionary`, `flags` 0 and 1."""

    numbers: Entries | None = None
    flags: Entries | None = None
    texts: Entries | None = None
    dictionary: TextDictionary | None = None

    def kinds(self) -> tuple[str, ...]:
        """Which of number, boolean and text there are."""
        named = (("number", self.numbers), ("boolean", self.flags), ("text", self.texts))
        return tuple(name for name, entries in named if entries is not None)


class Columns:
    """The fields of a number of rows. `fields` maps names to `Field`."""

    def __init__(
        self, rows: int, fields: dict[str, Field], layout: dict[str, Any], arrays: dict[str, Any]
    ) -> None:
        self._rows, self.fields, self._layout, self._arrays = rows, fields, layout, arrays

    def __len__(self) -> int:
        return self._rows

    @classmethod
    def build(cls, rows: Iterable[dict[str, Any]]) -> Columns:
        """Columns in memory; the text of the rows is not looked at."""
        gathered: dict[str, Gathered] = {name: Gathered() for name in OWN_FIELDS}
        count = 0
        for number, row in enumerate(rows):
            count += 1
            for name, value in values_of(row):
                if name not in gathered:
                    gathered[name] = Gathered()
                gathered[name].take(number, value)
        stored = Stored()
        layout = {
            "rows": count,
            "fields": {
                name: kinds for name, each in gathered.items() if (kinds := each.stored(stored, count))
            },
        }
        return cls._over(layout, stored.arrays())

    def write(self, folder: Path) -> None:
        """Writes `FILES` into a folder that exists."""
        for name, values in self._arrays.items():
            np.save(folder / f"columns.{name}.npy", values)
        (folder / "columns.json").write_text(json.dumps(self._layout, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Columns:
        """Columns over memory-mapped files. Raises IndexFolderError where files are missing or do not fit."""
        try:
            layout = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
            arrays: dict[str, NDArray[Any]] = {}
            for name, dtype in DTYPES.items():
                values = np.lib.format.open_memmap(folder / f"columns.{name}.npy", mode="r")
                if values.dtype != dtype or values.ndim != 1:
                    raise ValueError(f"columns.{name}.npy holds {values.dtype}, not {np.dtype(dtype)}")
                # As a plain view: slicing a memmap costs ten times more.
                arrays[name] = values.view(np.ndarray)
            return cls._over(layout, arrays)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "make it again: splade index DOCS -o DIR --force"
            raise IndexFolderError(f"the columns of the index {folder} are damaged ({error})", hint) from None

    @classmethod
    def _over(cls, layout: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Columns:
        def part(name: str, span: Sequence[int] | None) -> Any:
            if span is None:
                return None
            start, end = span
            if not 0 <= start <= end <= len(arrays[name]):
                raise ValueError(f"a span of columns.{name}.npy ends after the file")
            return arrays[name][start:end]

        def entries(name: str, spans: dict[str, Any] | None) -> Entries | None:
            if spans is None:
                return None
            found = Entries(part("integers", spans["rows"]), part(name, spans["values"]))
            if len(found.values) != (layout["rows"] if found.rows is None else len(found.rows)):
                raise ValueError("a field has values for another number of rows")
            return found

        fields = {}
        for name, kinds in layout["fields"].items():
            texts = kinds.get("texts")
            words = None
            if texts is not None:
                ends = part("ends", texts["ends"])
                words = TextDictionary(part("text", texts["text"]), ends, part("numbers", texts["numbers"]))
            fields[name] = Field(
                entries("numbers", kinds.get("numbers")),
                entries("integers", kinds.get("flags")),
                entries("integers", texts),
                words,
            )
        return cls(int(layout["rows"]), fields, layout, arrays)


def texts_of(columns: Columns, name: str) -> Sequence[str]:
    """The text of every row in a field that each has, in the order of the rows."""
    field = columns.fields.get(name)
    if field is None:
        return _RowTexts(np.empty(0, dtype=np.int32), [])
    assert field.texts is not None and field.texts.rows is None and field.dictionary is not None
    return _RowTexts(field.texts.values, field.dictionary)


class _RowTexts(Sequence[str]):
    """Texts by row, each read when it is asked for."""

    def __init__(self, codes: NDArray[np.int32], dictionary: Sequence[str]) -> None:
        self._codes = codes
        self._dictionary = dictionary

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self._dictionary[code] for code in self._codes[row].tolist()]
        return self._dictionary[int(self._codes[row])]

    def __iter__(self) -> Iterator[str]:
        texts = list(self._dictionary)
        return (texts[code] for code in self._codes.tolist())
