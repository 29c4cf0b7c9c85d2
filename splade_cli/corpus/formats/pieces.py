"""Long blocks in pieces: what is parsed at once is bounded, and what is nearly all marks is not parsed.

Parsers of inline markup take time that grows with the square of a block, or have a factor of its depth, and
blocks of a megabyte come from machines only. A mark that opens in one piece and closes in the next is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

AT_ONCE = 8_000
"""Characters of a block that are parsed at once."""
_LONG = 2_000
_MOST_MARKS = 0.4  # of the characters: more is a drawing, or noise
_LADDER = 50_000  # characters of a text that may have very short lines only
_SHORT_LINE = 12
LADDER_REMARK = "markup of very many very short lines, read as plain text"


class Piece(NamedTuple):
    """A stretch of a block, and whether its marks are to be read as markup."""

    text: str
    is_markup: bool


def pieces(text: str, mark: re.Pattern[str]) -> Iterator[Piece]:
    """A block in its order, cut behind a line end or a blank where there is one."""
    start = 0
    while start < len(text):
        end = _end(text, start)
        piece = text[start:end]
        is_markup = len(piece) <= _LONG or len(mark.findall(piece)) <= _MOST_MARKS * len(piece)
        yield Piece(piece, is_markup)
        start = end


def replaced(
    text: str, mark: re.Pattern[str], inline: re.Pattern[str], words_of: Callable[[re.Match[str]], str]
) -> str:
    """A block with its inline markup as words, but for the pieces that are nearly all marks."""
    parts = []
    for piece in pieces(text, mark):
        if piece.is_markup:
            parts.append(inline.sub(words_of, piece.text))
        else:
            parts.append(piece.text)
    return "".join(parts)


def _end(text: str, start: int) -> int:
    end = start + AT_ONCE
    if end >= len(text):
        return len(text)
    for sign in ("\n", " "):
        found = text.rfind(sign, start + AT_ONCE // 2, end)
        if found >= 0:
            return found + 1
    return end


def is_ladder(source: str, short_line: int = _SHORT_LINE) -> bool:
    """Whether a long text has less than `short_line` characters in a line, so that blocks are most of it."""
    if len(source) < _LADDER:
        return False
    lines = [line for line in source.split("\n") if line.strip()]
    return sum(map(len, lines)) < short_line * len(lines)
