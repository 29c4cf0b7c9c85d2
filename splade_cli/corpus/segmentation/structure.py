"""Document structure: the code fences and headings of a text, and what lies within a fence."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)", re.MULTILINE)
_HEADING_LINE = re.compile(r"^(#{1,6})[ \t]+(\S[^\n]{0,199})$", re.MULTILINE)


class Heading(NamedTuple):
    """A heading line: where it starts, its level and its words."""

    start: int
    level: int
    words: str


@dataclass(frozen=True)
class TextStructure:
    """Fences and headings of a text, in order; `anchors` are their starts, and the ends of fences."""

    text: str
    fences: list[tuple[int, int]]
    fence_edges: frozenset[int]
    headings: list[Heading]
    heading_starts: frozenset[int]
    anchors: list[int]

    def fence_around(self, position: int) -> tuple[int, int] | None:
        """The fence that `position` lies strictly inside of: both its edges are good places to cut."""
        return _around_position(self.fences, position)


def structure_of(text: str) -> TextStructure:
    """The fences and headings of `text`; what looks like a heading within a fence is none."""
    fences = _fences(text)
    headings = []
    for match in _HEADING_LINE.finditer(text):
        if not fences or _around_position(fences, match.start()) is None:
            headings.append(Heading(match.start(), len(match[1]), match[2].strip()))
    edges = [edge for fence in fences for edge in fence]
    starts = [heading.start for heading in headings]
    return TextStructure(text, fences, frozenset(edges), headings, frozenset(starts), sorted(edges + starts))


class HeadingPaths:
    """The headings that positions of a text stand under, asked for from left to right.

    Args:
        title: of the document, which is no part of a path.
    """

    def __init__(self, structure: TextStructure, title: str) -> None:
        self._headings = structure.headings
        self._title = title.strip().casefold()
        self._passed = 0
        self._above: list[Heading] = []

    def at(self, position: int) -> tuple[str, ...]:
        """The words of the headings above `position`, outermost first."""
        upto = bisect_right(self._headings, position, key=lambda heading: heading.start)
        for heading in self._headings[self._passed : upto]:
            self._above = [above for above in self._above if above.level < heading.level]
            self._above.append(heading)
        self._passed = max(self._passed, upto)
        return tuple(each.words for each in self._above if each.words.casefold() != self._title)


def _fences(text: str) -> list[tuple[int, int]]:
    fences: list[tuple[int, int]] = []
    opened = -1
    mark = ""
    for match in _FENCE_LINE.finditer(text):
        if not mark:
            # Back ticks after the first three are code within a line.
            if "`" not in match[2] or match[1][0] == "~":
                opened = match.start(1)
                mark = match[1]
        elif match[1].startswith(mark) and not match[2].strip():
            fences.append((opened, match.end(1)))
            mark = ""
    return fences


def _around_position(fences: list[tuple[int, int]], position: int) -> tuple[int, int] | None:
    before = bisect_left(fences, (position, 0)) - 1
    if before < 0 or position >= fences[before][1]:
        return None
    return fences[before]
