"""A dictionary of distinct texts, ascending by code point, as one blob of UTF-8 with offsets.

It may lie in a memory-mapped file: a look-up by bisection reads a few of its texts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class TextDictionary(Sequence[str]):
    """Ascending texts by their code, which is their position.

    Args:
        text: uint8, the texts one after the other in UTF-8.
        ends: int64 [n], where each ends.
        numbers: float64 [n], the number that each spells, NaN where it spells none; None where none does.
    """

    def __init__(
        self, text: NDArray[np.uint8], ends: NDArray[np.int64], numbers: NDArray[np.float64] | None = None
    ) -> None:
        self.text = text
        self.ends = ends
        self.numbers = numbers

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
        start = self.ends[code - 1] if code else 0
        return self.text[start : self.ends[code]].tobytes().decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        blob = self.text.tobytes()
        start = 0
        for end in self.ends.tolist():
            yield blob[start:end].decode("utf-8", "surrogatepass")
            start = end

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
