"""Typed columns of metadata: the values of each field, by kind, over the rows of a segment.

A field may hold several kinds at once: numbers (float64), booleans and text, each kept apart, so that rows
and segments need not agree. Dates are text, and ISO dates sort as such.

In a container the layout is JSON in the metadata (``columns``): rows and, for each field and kind, the spans
of the tensors below, which hold all fields one after the other.

    columns.numbers    float64: numbers, NaN where there is none; then what number a text spells
    columns.integers   int32: codes of texts and truth values (-1 where there is none), numbers of rows
    columns.text       uint8: the distinct texts of a field in UTF-8, ascending
    columns.ends       int64: where each of them ends
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.containers.dictionary import TextDictionary
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.containers.plain_json import plain_json
from splade_cli.index.metadata.fields import OWN_FIELDS, values_of
from splade_cli.index.metadata.gathering import DTYPES, ColumnArrays, FieldValues, Spans
from splade_cli.records import Chunk

NAME = "columns"
LIE = "a column of metadata does not fit together"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Entries:
    """Values of one kind. `rows` int32 ascending names the row of each; None: entry i is of row i, and may be
    empty."""

    rows: NDArray[np.int32] | None
    values: NDArray[Any]

    def present(self) -> NDArray[np.bool_]:
        """Which entries hold a value."""
        if self.values.dtype == np.float64:
            return np.asarray(~np.isnan(self.values))
        return np.asarray(self.values >= 0)

    def mark(self, mask: NDArray[np.bool_], hits: NDArray[np.bool_]) -> None:
        """Sets `mask` [rows] for the rows of the entries that are `hits`."""
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
    """The fields of a number of rows.

    Attributes:
        fields: by name; in a file nothing was compared yet of what they hold.
        file: where they lie, None in memory.
    """

    def __init__(
        self,
        rows: int,
        fields: dict[str, Field],
        layout: dict[str, dict[str, Spans]],
        arrays: Arrays,
        file: MappedFile | None = None,
    ) -> None:
        self._rows = rows
        self.fields = fields
        self.file = file
        self._layout = layout
        self._arrays = arrays
        self._checked: set[str] = set()

    def __len__(self) -> int:
        return self._rows

    def field(self, name: str) -> Field | None:
        """A field, which is checked when it is first asked for; None where there is none.

        Raises:
            IndexFolderError: it is damaged.
        """
        field = self.fields.get(name)
        if field is not None and self.file is not None and name not in self._checked:
            self._require(field, self.file)
            self._checked.add(name)
        return field

    def _require(self, field: Field, file: MappedFile) -> None:
        for entries in (field.numbers, field.flags, field.texts):
            if entries is None:
                continue
            file.require_arrays(entries.values)
            if entries.rows is not None:
                file.require_arrays(entries.rows)
                if not _are_rows(entries.rows, self._rows):
                    raise file.damage(LIE)
        if field.texts is not None and field.dictionary is not None:
            field.dictionary.require_whole()
            codes = field.texts.values
            if len(codes) and not (codes.min() >= -1 and codes.max() < len(field.dictionary)):
                raise file.damage(LIE)

    @classmethod
    def build(cls, chunks: Iterable[Chunk]) -> Columns:
        """Columns in memory; the text of the chunks is not looked at."""
        gathered: dict[str, FieldValues] = {name: FieldValues() for name in OWN_FIELDS}
        count = 0
        for number, chunk in enumerate(chunks):
            count += 1
            for name, value in values_of(chunk):
                if name not in gathered:
                    gathered[name] = FieldValues()
                gathered[name].add(number, value)
        arrays = ColumnArrays()
        layout: dict[str, dict[str, Spans]] = {}
        for name, values in gathered.items():
            kinds = values.write(arrays, count)
            if kinds:
                layout[name] = kinds
        return cls._over(count, layout, arrays.joined())

    def write(self, out: ContainerWriter) -> None:
        """Writes them as tensors and metadata of a container."""
        for name, values in self._arrays.items():
            out.add(f"{NAME}.{name}", values)
        layout = {"rows": self._rows, "fields": self._layout}
        out.metadata[NAME] = json.dumps(layout, ensure_ascii=False)

    @classmethod
    def open(cls, container: Container) -> Columns:
        """Columns over the tensors of a container. Raises ValueError where they are missing or do not fit."""
        arrays: Arrays = {name: container.tensor(f"{NAME}.{name}", dtype) for name, dtype in DTYPES.items()}
        try:
            layout: Any = plain_json(container.metadata[NAME])
            rows = layout["rows"]
            if type(rows) is not int:
                raise TypeError("rows are counted")
            return cls._over(rows, layout["fields"], arrays, container.file)
        except (KeyError, TypeError, AttributeError):
            raise ValueError("the layout of the columns cannot be read") from None

    @classmethod
    def _over(
        cls,
        rows: int,
        layout: dict[str, dict[str, Spans]],
        arrays: Arrays,
        file: MappedFile | None = None,
    ) -> Columns:
        fields: dict[str, Field] = {}
        for name, kinds in layout.items():
            texts = kinds.get("texts")
            dictionary = None
            if texts is not None:
                numbers = texts["numbers"]
                dictionary = TextDictionary(
                    _part(arrays, "text", texts["text"]),
                    _part(arrays, "ends", texts["ends"]),
                    None if numbers is None else _part(arrays, "numbers", numbers),
                    file,
                )
                if dictionary.numbers is not None and len(dictionary.numbers) != len(dictionary):
                    raise ValueError("a dictionary spells another number of numbers")
            fields[name] = Field(
                _entries(arrays, "numbers", kinds.get("numbers"), rows),
                _entries(arrays, "integers", kinds.get("flags"), rows),
                _entries(arrays, "integers", texts, rows),
                dictionary,
            )
        return cls(rows, fields, layout, arrays, file)


def _are_rows(numbers: NDArray[np.int32], rows: int) -> bool:
    """Whether these are rows of so many, in order; a row of several values comes several times."""
    if not len(numbers):
        return True
    return bool(numbers[0] >= 0 and numbers[-1] < rows and not np.any(np.diff(numbers) < 0))


def _part(arrays: Arrays, name: str, span: tuple[int, int] | None) -> NDArray[Any]:
    if span is None:
        raise ValueError(f"a span of {name} is missing")
    start, end = span
    if not (type(start) is type(end) is int and 0 <= start <= end <= len(arrays[name])):
        raise ValueError(f"a span of columns.{name} ends after it")
    return arrays[name][start:end]


def _entries(arrays: Arrays, name: str, spans: Spans | None, rows: int) -> Entries | None:
    if spans is None:
        return None
    numbers = None if spans["rows"] is None else _part(arrays, "integers", spans["rows"])
    entries = Entries(numbers, _part(arrays, name, spans["values"]))
    if len(entries.values) != (rows if numbers is None else len(numbers)):
        raise ValueError("a field has values for another number of rows")
    return entries
