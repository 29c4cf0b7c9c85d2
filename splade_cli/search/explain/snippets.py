"""A text and the entries that matched in, a line around them out; knows columns of a terminal, but no terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from splade_cli.search.explain.literal_terms import matched_words

SNIPPET_COLUMNS = 200
_BEFORE, _BLANK_WITHIN = 30, 24
_JOINING = "\u200d\ufe0e\ufe0f"


def snippet(text: str, entries: Sequence[str], length: int = SNIPPET_COLUMNS) -> str:
    """A piece of `text` on one line, at most `length` columns and two ellipses, where most of `entries` stand.

    Args:
        entries: vocabulary entries that matched.
        length: columns; an East Asian wide character takes two, an accent of its own none.
    """
    flat = " ".join(text.split())
    if columns(flat) <= length:
        return flat
    start = min(max(0, _densest(flat, entries, length) - _BEFORE), _last_start(flat, length))
    if start > 0:
        blank = flat.find(" ", start, start + _BLANK_WITHIN)
        start = blank + 1 if blank >= 0 else _whole(flat, start)
    end = _end(flat, start, length)
    if end < len(flat) and flat[end] != " ":
        end = max(flat.rfind(" ", start + (end - start) // 2, end), 0) or _whole(flat, end, start + 1)
    return ("… " if start else "") + flat[start:end].strip() + (" …" if end < len(flat) else "")


def columns(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_width, text))


@lru_cache(maxsize=8192)
def _width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _densest(flat: str, entries: Sequence[str], length: int) -> int:
    """Where the window opens that holds the most different entries, then the most words; the first of equals."""
    words = matched_words(flat, entries)
    best, place = (0, 0), 0
    for number, word in enumerate(words):
        inside: list[str] = []
        wide = word.start + length - _BEFORE - 10
        for other in words[number:]:
            if other.end > wide:
                break
            inside.extend(other.entries)
        if (len(set(inside)), len(inside)) > best:
            best, place = (len(set(inside)), len(inside)), word.start
    return place


def _end(flat: str, start: int, length: int) -> int:
    """The last place up to which `length` columns reach from `start`."""
    used = 0
    for place in range(start, len(flat)):
        used += _width(flat[place])
        if used > length:
            return place
    return len(flat)


def _last_start(flat: str, length: int) -> int:
    """The first place from which the rest fits."""
    used = 0
    for place in range(len(flat) - 1, -1, -1):
        used += _width(flat[place])
        if used > length:
            return place + 1
    return 0


def _whole(flat: str, place: int, least: int = 0) -> int:
    """The nearest place at or before `place` that cuts no accent from its letter and no joined sign in two."""
    while place > least and place < len(flat) and (not _width(flat[place]) or flat[place - 1] in _JOINING):
        place -= 1
    return place
