"""Snippets: the piece of a text where most terms of a query stand, on one line of so many columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from splade_cli.search.explain.sought_terms import MatchedWord

SNIPPET_COLUMNS = 200
_BEFORE = 30
_BLANK_WITHIN = 24
_JOINING = "\u200d\ufe0e\ufe0f"
_CUT = "… "
# Latin, Greek and Cyrillic letters, punctuation and signs of mathematics; without accents of their own, soft
# hyphens and what is not seen
_NOT_PLAIN = re.compile(
    r"[^\x00-\xac\xae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482"
    r"\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u22ff]"
)


class Snippet(NamedTuple):
    """A piece of a text, with ellipses where it is cut; `highlights` are (start, end) of matched words."""

    text: str
    highlights: tuple[tuple[int, int], ...] = ()


def snippet(line: str, words: Sequence[MatchedWord], length: int = SNIPPET_COLUMNS) -> Snippet:
    """A piece of a line, at most `length` columns and two ellipses, where the most different terms stand.

    Args:
        line: see `unmarked.on_one_line`.
        words: of `line` that matched, in order.
        length: columns; an East Asian wide character takes two, an accent of its own none.
    """
    plain = _is_plain(line)
    taken = len(line) if plain else columns(line)
    if taken <= length:
        return Snippet(line, tuple([(start, end) for start, end, _ in words]))
    last_start = len(line) - length if plain else _last_start(line, length)
    start = min(max(0, _densest(words, length) - _BEFORE), last_start)
    if start > 0:
        blank = line.find(" ", start, start + _BLANK_WITHIN)
        if blank >= 0:
            start = blank + 1
        else:
            start = _whole(line, start)
    end = min(len(line), start + length) if plain else _end(line, start, length)
    if end < len(line) and line[end] != " ":
        end = max(line.rfind(" ", start + (end - start) // 2, end), 0) or _whole(line, end, start + 1)
    body = line[start:end].rstrip()
    start += len(body) - len(body.lstrip())
    opening = _CUT if start else ""
    closing = " …" if end < len(line) else ""
    shift = len(opening) - start
    highlights = [(first + shift, last + shift) for first, last, _ in words if start <= first and last <= end]
    return Snippet(opening + body.lstrip() + closing, tuple(highlights))


def columns(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    if _is_plain(text):
        return len(text)
    return sum(map(_width, text))


def _is_plain(text: str) -> bool:
    """Whether each letter of a text is known to take one column."""
    return text.isascii() or _NOT_PLAIN.search(text) is None


@lru_cache(maxsize=8192)
def _width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(letter) in "WF":
        return 2
    return 1


def _densest(words: Sequence[MatchedWord], length: int) -> int:
    """Where the window of most different terms, then of most words, opens; the first of equals."""
    room = length - _BEFORE - 10
    count = len(words)
    most = (0, 0)
    offset = 0
    reached = 0
    inside = 0
    for number, (start, _, terms) in enumerate(words):
        reached = max(reached, number)
        while reached < count and words[reached][1] <= start + room:
            inside += len(words[reached][2])
            reached += 1
        if inside > most[0]:  # else there are no more different ones
            different = {term for word in words[number:reached] for term in word[2]}
            if (len(different), inside) > most:
                most = (len(different), inside)
                offset = start
        if reached == count:
            break  # what opens later holds no more
        if reached > number:  # else the word is longer than a window
            inside -= len(terms)
    return offset


def _end(line: str, start: int, length: int) -> int:
    """The last offset up to which `length` columns reach from `start`."""
    used = 0
    for offset in range(start, len(line)):
        used += _width(line[offset])
        if used > length:
            return offset
    return len(line)


def _last_start(line: str, length: int) -> int:
    """The first offset from which the rest fits."""
    used = 0
    for offset in range(len(line) - 1, -1, -1):
        used += _width(line[offset])
        if used > length:
            return offset + 1
    return 0


def _whole(line: str, offset: int, least: int = 0) -> int:
    """The nearest offset, not above, that cuts no accent from its letter and no joined sign in two."""
    while least < offset < len(line) and (not _width(line[offset]) or line[offset - 1] in _JOINING):
        offset -= 1
    return offset
