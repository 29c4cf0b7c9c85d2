"""Text segmentation: where a text can be cut with least harm, between sections, paragraphs, lines or
sentences.

Each search looks only at the stretch in which the cut may fall, so that the time is linear in the text, and
weighs the kind of boundary against the distance from the wished position.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from math import inf
from typing import NamedTuple, Protocol

from splade_cli.corpus.segmentation.structure import TextStructure

# What a cut costs by kind, in the unit of the distance from the wished size (1 = that size). WRAPPED is a
# line end in the middle of a sentence.
_HEADING = 0.0
_PARAGRAPH = 0.4
_LINE = 0.8
_SENTENCE = 1.0
_WRAPPED = 1.2
_SPACE = 2.0
_AFTER_HEADING = 1.5
_AFTER_OPENING = 0.3
_IN_CODE = 10.0

_INK = re.compile(r"\S")
_LINE_CLOSES = re.compile(r"[.!?…:;。！？][\"'”’»)\]]{0,3}\Z")
# Where to look for cuts, by the least that a cut of that kind can cost; None: at the headings and fences.
_KINDS: tuple[tuple[float, re.Pattern[str] | None], ...] = (
    (_HEADING, None),
    (_PARAGRAPH, re.compile(r"\n[^\S\n]*\n\s*")),
    (_LINE, re.compile(r"\n\s*")),
    (_SENTENCE, re.compile(r"[.!?…][\"'”’»)\]]{0,3}\s+|[。！？][”’」』）]{0,3}\s*")),
    (_SPACE, re.compile(r"\s+")),
)
_SLACK = 64
# Places to cut that are looked at on either side of the wished one: a text of lines of one letter has more.
_CANDIDATES = 40
_LOOK_BACK = 220
_ANY_DISTANCE = 1_000_000


class Cut(NamedTuple):
    """Where the text before a cut ends and where the text after it starts, blanks between them."""

    end: int
    start: int


class Range(NamedTuple):
    """Where a cut may fall, and the position in it that is wished for."""

    low: int
    wished: int
    high: int


class Boundaries(Protocol):
    """Where one text can be cut."""

    def best_end(self, within: Range, last: int, unit: int) -> Cut | None:
        """The best cut that has its end in a range, and its start not beyond `last`; None for none.

        `unit` characters are the wished size.
        """

    def best_start(self, within: Range) -> Cut | None:
        """Like `best_end` for the cut that has its start in a range."""


class StructureBoundaries:
    """Cuts between sections, paragraphs, lines and sentences, the cheapest by kind and distance; none only
    where all is one word."""

    def __init__(self, structure: TextStructure) -> None:
        self._structure = structure

    def best_end(self, within: Range, last: int, unit: int) -> Cut | None:
        """See `Boundaries.best_end`; `unit` characters from the wished position cost 1."""
        return _best_cut(self._structure, within, last, unit, starts=False)

    def best_start(self, within: Range) -> Cut | None:
        """See `Boundaries.best_start`; the distance only decides between boundaries of one kind."""
        return _best_cut(self._structure, within, within.high, _ANY_DISTANCE, starts=True)


def _best_cut(structure: TextStructure, within: Range, last: int, unit: int, *, starts: bool) -> Cut | None:
    """Kinds are tried from the cheapest on and positions outwards, and none that cannot win any more."""
    best = None
    price = inf
    fence = structure.fence_around(within.low)
    # Where all is code, code is no reason to prefer one position over the other.
    all_is_code = fence is not None and fence[1] > within.high
    in_code = 0.0 if all_is_code else _IN_CODE
    for least, pattern in _KINDS:
        for forwards in (True, False):
            reach = int(min((price - least) * unit, within.high - within.low)) + 1
            if forwards:
                first = within.wished
                end = min(within.high, within.wished + reach)
            else:
                first = max(within.low, within.wished - reach)
                end = within.wished - 1
            if first > end:
                continue
            looked_at = 0
            for cut in _cuts(structure, pattern, first, min(end + _SLACK, last), forwards=forwards):
                position = cut.start if starts else cut.end
                distance = abs(position - within.wished) / unit
                is_in_slack = position > end
                if is_in_slack and not forwards:
                    continue
                if is_in_slack or least + distance >= price or looked_at == _CANDIDATES:
                    break
                if position < within.low or cut.start > last:
                    continue
                looked_at += 1
                cost = _cost(structure, cut, pattern) + distance
                if structure.fence_around(cut.start):
                    cost += in_code
                if cost < price:
                    best = cut
                    price = cost
    return best


def _cuts(
    structure: TextStructure, pattern: re.Pattern[str] | None, low: int, high: int, *, forwards: bool
) -> Iterator[Cut]:
    """What `pattern` finds in ``text[low:high]``, or a little before: from the first on, or from the last."""
    text = structure.text
    if pattern is None:
        first = bisect_left(structure.anchors, low)
        behind = bisect_right(structure.anchors, high)
        positions = iter(structure.anchors[first:behind])
    else:
        positions = (match.end() for match in pattern.finditer(text, max(0, low - 4), high))
    for position in positions if forwards else reversed(list(positions)):
        yield cut_at(text, position)


def cut_at(text: str, position: int) -> Cut:
    """The cut around a position: the blanks there belong to neither side."""
    end = position
    start = position
    while end > 0 and text[end - 1].isspace():
        end -= 1
    if start < len(text) and text[start].isspace():
        inked = _INK.search(text, start)
        start = inked.start() if inked else len(text)
    return Cut(end, start)


def _cost(structure: TextStructure, cut: Cut, pattern: re.Pattern[str] | None) -> float:
    """What it costs to cut here, apart from the distance; infinite for a full stop that ends no sentence."""
    text = structure.text
    lower = text[cut.start : cut.start + 1].islower()
    line_ends = text.count("\n", cut.end, cut.start)
    if not line_ends:
        if pattern is _KINDS[-1][1]:
            return _SPACE
        return inf if lower else _SENTENCE
    line_start = max(text.rfind("\n", max(0, cut.end - _LOOK_BACK), cut.end) + 1, cut.end - _LOOK_BACK, 0)
    line = text[line_start : cut.end]
    penalty = 0.0
    if line_start in structure.heading_starts:
        penalty = _AFTER_HEADING
    elif _opens_what_follows(text, line_start, line):
        penalty = _AFTER_OPENING
    if cut.start in structure.heading_starts:
        return _HEADING + penalty
    if line_ends > 1 or cut.start in structure.fence_edges or cut.end in structure.fence_edges:
        return _PARAGRAPH + penalty
    if lower and not _LINE_CLOSES.search(line) and structure.fence_around(cut.start) is None:
        return _WRAPPED
    return _LINE + penalty


def _opens_what_follows(text: str, start: int, line: str) -> bool:
    """Whether a line belongs to what stands below it, as a heading does in texts that mark no headings."""
    if line.endswith(":"):
        return True
    is_alone = text[max(0, start - 2) : start] == "\n\n" and not line.startswith(("- ", "`"))
    return len(line) <= 80 and is_alone and not _LINE_CLOSES.search(line)


def hard_cut(text: str, within: Range) -> Cut:
    """The nearest cut within a word, if it can be not between a letter and its accent or inside an emoji."""
    for may_split in (False, True):
        for step in range(_SLACK):
            for position in (within.wished - step, within.wished + step):
                if not within.low <= position <= within.high:
                    continue
                if text[position - 1].isspace() or text[position].isspace():
                    continue
                if may_split or not _splits_a_sign(text, position):
                    return Cut(position, position)
    return cut_at(text, within.wished)


def _splits_a_sign(text: str, position: int) -> bool:
    joined = text[position] in "\u200d\ufe0e\ufe0f" or text[position - 1] == "\u200d"
    return joined or unicodedata.combining(text[position]) > 0
