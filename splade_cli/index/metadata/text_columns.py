"""Columns of text that every row has, such as ids: the text of a row, and the rows of a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.metadata.columns import Columns


class TextColumn(Sequence[str]):
    """The text of each row.

    Args:
        codes: int32 [rows], positions in `dictionary`.
        dictionary: distinct texts, ascending.
    """

    def __init__(self, codes: NDArray[np.int32], dictionary: Sequence[str]) -> None:
        self.codes = codes
        self.dictionary = dictionary

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
        return cls(texts.values, field.dictionary)

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self.dictionary[code] for code in self.codes[row].tolist()]
        return self.dictionary[int(self.codes[row])]

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
