"""Columns of a page, found in its layout: one below the other where the text has them line by line."""

from __future__ import annotations

import re

_LEAST_LINES = 8  # with words on both sides of the gutter
_GUTTER = 3  # blanks
_LEAST_WORDS = 4  # of a side on average: cells of a table have fewer
_GOES_ON = 0.3  # of the lines on the left open with a small letter: they are prose


def may_be_columns(text: str) -> bool:
    """Whether a text is worth a look at its layout: many lines, most of them long, as if two were in one."""
    lines = [line for line in text.split("\n") if line.strip()]
    long = sum(len(line.split()) >= 2 * _LEAST_WORDS for line in lines)
    return long >= _LEAST_LINES


def in_columns(text: str, layout: str) -> str:
    """`text`, or the columns of `layout` where the page has two and the text runs across them.

    Args:
        text: the words of a page in the order of the file.
        layout: the same page with blanks where it has room, a line to each line of the page.
    """
    lines = [line.rstrip() for line in layout.split("\n") if line.strip()]
    gutter = _gutter(lines)
    if gutter is None:
        return text
    left = [line[:gutter].strip() for line in lines]
    right = [line[gutter:].strip() for line in lines]
    both = [(one, other) for one, other in zip(left, right, strict=True) if one and other]
    if not _is_prose(both) or not _runs_across(text, both):
        return text
    return "\n".join(_by_columns(lines, gutter))


def _gutter(lines: list[str]) -> int | None:
    """The character behind the blanks that part most lines near the middle of the page."""
    width = max(map(len, lines), default=0)
    best = None
    most = _LEAST_LINES - 1
    for at in range(width // 5, 4 * width // 5 + 1):
        parted = 0
        crossed = 0
        for line in lines:
            if len(line) <= at or not line[:at].strip():
                continue
            if line[max(0, at - _GUTTER) : at].isspace() and not line[at].isspace():
                parted += 1
            elif line[at - 1 : at + 1].strip():
                crossed += 1
        if parted > most and crossed * 4 <= parted:
            most = parted
            best = at
    return best


def _is_prose(both: list[tuple[str, str]]) -> bool:
    if len(both) < _LEAST_LINES:
        return False
    words = sum(len(one.split()) + len(other.split()) for one, other in both)
    small = sum(one[0].islower() for one, _ in both)
    return words >= 2 * _LEAST_WORDS * len(both) and small >= _GOES_ON * len(both)


def _runs_across(text: str, both: list[tuple[str, str]]) -> bool:
    """Whether what stands on the right of a line follows what stands on its left, in most of the lines."""
    words = re.sub(r"\s+", "", text)
    across = sum(re.sub(r"\s+", "", one + other) in words for one, other in both)
    return 2 * across > len(both)


def _by_columns(lines: list[str], gutter: int) -> list[str]:
    """Lines on the left, then those on the right; a line across both ends the columns above it."""
    text: list[str] = []
    left: list[str] = []
    right: list[str] = []
    for line in lines:
        is_across = (
            len(line) > gutter and line[gutter - 2 : gutter].strip() != "" and bool(line[:gutter].strip())
        )
        if is_across:
            text += [*left, *right, " ".join(line.split())]
            left = []
            right = []
            continue
        for side, words in ((left, line[:gutter]), (right, line[gutter:])):
            if words.strip():
                side.append(" ".join(words.split()))
    return [*text, *left, *right]
