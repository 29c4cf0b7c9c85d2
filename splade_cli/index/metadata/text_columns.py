"""Columns of text that every row has, such as ids: the text of a row, and the rows of a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.metadata.columns import Columns


class TextColumn(Sequence[str]):
    """The text of each row.

    Args:
        codes: int32 [rows], positions in `dictionary`.
        dictionary: distinct texts, ascending.
        file: where the codes lie, of which one is checked when it is first read; None in memory.
    """

    def __init__(
        self, codes: NDArray[np.int32], dictionary: Sequence[str], file: MappedFile | None = None
    ) -> None:
        self._codes = codes
        self.dictionary = dictionary
        self._file = file
        self._read = bytearray(0 if file is None else len(codes))

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextColumn:
        """In memory."""
        dictionary = sorted(set(texts))
        code_of = {text: code for code, text in enumerate(dictionary)}
        codes = np.fromiter((code_of[text] for text in texts), dtype=np.int32, count=len(texts))
        return cls(codes, dictionary)

    @classmethod
    def open(cls, columns: Columns, name: str) -> TextColumn:
        """A field of columns. Raises ValueError where not every row has a text in it."""
        field = columns.fields.get(name)
        if field is None and not len(columns):
            return cls(np.empty(0, dtype=np.int32), [])
        texts = None if field is None else field.texts
        if field is None or texts is None or texts.rows is not None or field.dictionary is None:
            raise ValueError(f"not every row has a {name}")
        return cls(texts.values, field.dictionary, columns.file)

    def __len__(self) -> int:
        return len(self._codes)

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """int32 [rows], positions in `dictionary`. Raises IndexFolderError where they are damaged."""
        self.require_whole()
        return self._codes

    def require_whole(self) -> None:
        """Raises IndexFolderError where a code is damaged, or no text's."""
        self._require(slice(None))

    def _require(self, rows: slice) -> None:
        """Checks the codes of some rows."""
        if self._file is None:
            return
        codes = self._codes[rows]
        self._file.require_arrays(codes)
        if len(codes) and not (codes.min() >= 0 and codes.max() < len(self.dictionary)):
            raise self._file.damage("a code of a text has no text")

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self.dictionary[code] for code in self.codes[row].tolist()]
        if self._file is not None and not self._read[row]:
            number = range(len(self))[row]
            self._require(slice(number, number + 1))
            self._read[row] = 1
        return self.dictionary[int(self._codes[row])]

    def __iter__(self) -> Iterator[str]:
        texts = list(self.dictionary)
        return (texts[code] for code in self.codes.tolist())

    def rows_of(self, text: str) -> NDArray[np.int64]:
        """Numbers of the rows that have a text, ascending."""
        code = bisect_left(self.dictionary, text)
        if code == len(self.dictionary) or self.dictionary[code] != text:
            return np.empty(0, dtype=np.int64)
        order, starts = self._by_code
        return order[starts[code] : starts[code + 1]]

    @cached_property
    def _by_code(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows by code, ascending within one; and where each code's begin."""
        order = np.argsort(self.codes, kind="stable")
        counts = np.bincount(self.codes, minlength=len(self.dictionary))
        return order, np.concatenate([[0], np.cumsum(counts)])
