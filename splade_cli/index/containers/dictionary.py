"""A dictionary of distinct texts, ascending by code point, as one blob of UTF-8 with offsets.

It may lie in a memory-mapped file: a look-up by bisection reads a few of its texts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.mapped_file import MappedFile

LIE = "a dictionary of texts does not fit together"


class TextDictionary(Sequence[str]):
    """Ascending texts by their code, which is their position.

    Args:
        text: uint8, the texts one after the other in UTF-8.
        ends: int64 [n], where each ends.
        numbers: float64 [n], the number that each spells, NaN where it spells none; None where none does.
        file: where they lie, of which what a text is made of is checked when it is first read; None in
            memory.
    """

    def __init__(
        self,
        text: NDArray[np.uint8],
        ends: NDArray[np.int64],
        numbers: NDArray[np.float64] | None = None,
        file: MappedFile | None = None,
    ) -> None:
        self.text = text
        self.ends = ends
        self.numbers = numbers
        self._file = file
        self._read = bytearray(0 if file is None else len(ends))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, code: int) -> str: ...
    @overload
    def __getitem__(self, code: slice) -> list[str]: ...
    def __getitem__(self, code: int | slice) -> str | list[str]:
        if isinstance(code, slice):
            return [self[each] for each in range(*code.indices(len(self)))]
        if not 0 <= code < len(self):
            raise IndexError(code)
        if self._file is not None and not self._read[code]:
            self._require(code, self._file)
        start = self.ends[code - 1] if code else 0
        return self.text[start : self.ends[code]].tobytes().decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        self.require_whole()
        blob = self.text.tobytes()
        start = 0
        for end in self.ends.tolist():
            yield blob[start:end].decode("utf-8", "surrogatepass")
            start = end

    def require_whole(self) -> None:
        """Raises IndexFolderError where any of it is damaged."""
        if self._file is None or self._read.find(0) < 0:
            return
        self._file.require_arrays(self.text, self.ends)
        if self.numbers is not None:
            self._file.require_arrays(self.numbers)
        if not self._fits():
            raise self._file.damage(LIE)
        self._read[:] = b"\1" * len(self._read)

    def _fits(self) -> bool:
        """Whether every text ends behind the one before, and can be decoded."""
        steps = np.diff(self.ends, prepend=0, append=len(self.text))
        if np.any(steps < 0) or steps[-1] != 0:
            return False
        try:
            self.text.tobytes().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return False
        # what is UTF-8 as a whole is so in parts where no part begins inside a character
        begins = self.text[self.ends[self.ends < len(self.text)]]
        return not np.any(begins & 0xC0 == 0x80)

    def _require(self, code: int, file: MappedFile) -> None:
        """Checks what one text is made of."""
        file.require_arrays(self.ends[max(0, code - 1) : code + 1])
        start = int(self.ends[code - 1]) if code else 0
        end = int(self.ends[code])
        if not 0 <= start <= end <= len(self.text):
            raise file.damage(LIE)
        file.require_arrays(self.text[start:end])
        try:
            self.text[start:end].tobytes().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise file.damage(LIE) from None
        self._read[code] = 1

    def code_of(self, text: str) -> int | None:
        """The code of a text, None where the dictionary does not hold it."""
        code = bisect_left(self, text)
        if code < len(self) and self[code] == text:
            return code
        return None


def encoded(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The blob and the ends of ascending texts, as `TextDictionary` takes them."""
    pieces = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
    return np.frombuffer(b"".join(pieces), dtype=np.uint8), np.cumsum(lengths)
