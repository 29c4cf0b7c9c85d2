"""A text comes in, the places where it can be cut with least harm go out; knows nothing of chunks or their
sizes.

A cut is a pair: the end of the text before it and the start of the text after it, with the blanks between
them. Each search looks only at the stretch in which the cut may fall, so that the time is linear in the text,
and weighs the kind of boundary against the distance from the wished place.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

# What a cut costs by kind, in the unit of the distance from the wished size (1 = that size). WRAPPED is a line end
# in the middle of a sentence.
_HEADING, _PARAGRAPH, _LINE, _SENTENCE, _WRAPPED, _SPACE = 0.0, 0.4, 0.8, 1.0, 1.2, 2.0
_AFTER_HEADING, _AFTER_OPENING, _IN_CODE = 1.5, 0.3, 10.0

_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)", re.MULTILINE)
_HEADING_LINE = re.compile(r"^(#{1,6})[ \t]+(\S[^\n]{0,199})$", re.MULTILINE)
_INK = re.compile(r"\S")
_LINE_CLOSES = re.compile(r"[.!?…:;。！？][\"'”’»)\]]{0,3}\Z")
# Where to look for cuts, by the least that a cut found there can cost; None: at the headings and fences.
_SOURCES: tuple[tuple[float, re.Pattern[str] | None], ...] = (
    (_HEADING, None),
    (_PARAGRAPH, re.compile(r"\n[^\S\n]*\n\s*")),
    (_LINE, re.compile(r"\n\s*")),
    (_SENTENCE, re.compile(r"[.!?…][\"'”’»)\]]{0,3}\s+|[。！？][”’」』）]{0,3}\s*")),
    (_SPACE, re.compile(r"\s+")),
)
_SLACK = 64
_LOOK_BACK = 220


@dataclass(frozen=True)
class Layout:
    """Where the fences and headings of a text are, in order; `anchors` are the starts of both and the fences' ends."""

    text: str
    fences: list[tuple[int, int]]
    fence_edges: frozenset[int]
    headings: list[tuple[int, int, str]]
    heading_starts: frozenset[int]
    anchors: list[int]

    def fence(self, at: int) -> tuple[int, int] | None:
        """The fence that `at` lies strictly inside of: both its edges are good places to cut."""
        before = bisect_left(self.fences, (at, 0)) - 1
        return self.fences[before] if before >= 0 and at < self.fences[before][1] else None


def layout_of(text: str) -> Layout:
    """Finds the fences and headings of `text`; what looks like a heading within a fence is none."""
    fences: list[tuple[int, int]] = []
    opened, mark = -1, ""
    for found in _FENCE_LINE.finditer(text):
        if not mark:
            # Back ticks after the first three are code within a line.
            if "`" not in found[2] or found[1][0] == "~":
                opened, mark = found.start(1), found[1]
        elif found[1].startswith(mark) and not found[2].strip():
            fences.append((opened, found.end(1)))
            mark = ""
    edges = [edge for fence in fences for edge in fence]
    bare = Layout(text, fences, frozenset(edges), [], frozenset(), [])
    headings = [
        (found.start(), len(found[1]), found[2].strip())
        for found in _HEADING_LINE.finditer(text)
        if bare.fence(found.start()) is None
    ]
    starts = [start for start, _, _ in headings]
    return replace(bare, headings=headings, heading_starts=frozenset(starts), anchors=sorted(edges + starts))


def best_cut(
    layout: Layout, low: int, wished: int, high: int, last: int, unit: int, side: int
) -> tuple[int, int] | None:
    """The cheapest cut as (end of the text before, start of the text after), or None where all is one word.

    Side 0 has the end between `low` and `high`, side 1 the start; the start is never beyond `last`. `unit`
    characters from `wished` cost 1. Kinds are tried from the cheapest on and places from `wished` outwards,
    and none that cannot win any more.
    """
    best, price = None, inf
    around = layout.fence(low)
    # Where all is code, code is no reason to prefer one place over the other.
    in_code = 0.0 if around is not None and around[1] > high else _IN_CODE
    for least, pattern in _SOURCES:
        for outward in (1, -1):
            reach = int(min((price - least) * unit, high - low)) + 1
            first, end = (
                (wished, min(high, wished + reach)) if outward > 0 else (max(low, wished - reach), wished - 1)
            )
            for cut in _cuts(layout, pattern, first, min(end + _SLACK, last)) if first <= end else ():
                distance = abs(cut[side] - wished) / unit
                if cut[side] > end or (outward > 0 and least + distance >= price):
                    break
                if cut[side] < low or cut[1] > last or least + distance >= price:
                    continue
                cost = _cost(layout, cut, pattern) + distance + (in_code if layout.fence(cut[1]) else 0.0)
                if cost < price:
                    best, price = cut, cost
    return best


def _cuts(layout: Layout, pattern: re.Pattern[str] | None, low: int, high: int) -> Iterator[tuple[int, int]]:
    """What `pattern` finds in ``text[low:high]``, or a little before, as (end of text, start of text)."""
    text = layout.text
    if pattern is None:
        for at in layout.anchors[bisect_left(layout.anchors, low) : bisect_right(layout.anchors, high)]:
            yield _around(text, at)
        return
    for match in pattern.finditer(text, max(0, low - 4), high):
        yield _around(text, match.end())


def _around(text: str, at: int) -> tuple[int, int]:
    """The blanks around `at`: where the text before them ends and the text after them starts."""
    end = after = at
    while end > 0 and text[end - 1].isspace():
        end -= 1
    if after < len(text) and text[after].isspace():
        inked = _INK.search(text, after)
        after = inked.start() if inked else len(text)
    return end, after


def _cost(layout: Layout, cut: tuple[int, int], pattern: re.Pattern[str] | None) -> float:
    """What it costs to cut here, apart from the distance; infinite for a full stop that ends no sentence."""
    text, (end, after) = layout.text, cut
    lower = text[after : after + 1].islower()
    breaks = text.count("\n", end, after)
    if not breaks:
        return _SPACE if pattern is _SOURCES[-1][1] else inf if lower else _SENTENCE
    opening = max(text.rfind("\n", max(0, end - _LOOK_BACK), end) + 1, end - _LOOK_BACK, 0)
    line = text[opening:end]
    # A short line on its own, without a full stop, heads what follows in texts that mark no headings.
    alone = (
        len(line) <= 80 and text[max(0, opening - 2) : opening] == "\n\n" and not line.startswith(("- ", "`"))
    )
    opens = line.endswith(":") or (alone and not _LINE_CLOSES.search(line))
    penalty = _AFTER_HEADING if opening in layout.heading_starts else _AFTER_OPENING if opens else 0.0
    if after in layout.heading_starts:
        return _HEADING + penalty
    if breaks > 1 or after in layout.fence_edges or end in layout.fence_edges:
        return _PARAGRAPH + penalty
    if lower and not _LINE_CLOSES.search(line) and layout.fence(after) is None:
        return _WRAPPED
    return _LINE + penalty


def hard_cut(text: str, at: int, low: int, high: int) -> tuple[int, int]:
    """The cut nearest to `at` within a word, if it can be not between a letter and its accent or inside an emoji."""
    for splits in (_splits_a_sign, None):
        for step in range(_SLACK):
            for place in (at - step, at + step):
                inside = low <= place <= high and not text[place - 1].isspace() and not text[place].isspace()
                if inside and not (splits and splits(text, place)):
                    return place, place
    return _around(text, at)


def _splits_a_sign(text: str, at: int) -> bool:
    joined = text[at] in "\u200d\ufe0e\ufe0f" or text[at - 1] == "\u200d"
    return joined or unicodedata.combining(text[at]) > 0
