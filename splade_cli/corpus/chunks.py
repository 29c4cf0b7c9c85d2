"""Documents come in, overlapping slices with offsets and headings go out; knows nothing of files, tokens or models.

A text is walked once from left to right. Each step looks only at the stretch in which the next cut may fall, so that
the time is linear in the text, and weighs the kind of boundary against the distance from the wished size.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf

from splade_cli.errors import InputError
from splade_cli.records import Chunk, Document

MIN_CHARS, TARGET_CHARS, MAX_CHARS, OVERLAP = 500, 1000, 2000, 0.15
LEAST_OVERLAP, MOST_OVERLAP = 0.10, 0.20
_KEEP_WHOLE = 1.3

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
class _Layout:
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


def split_document(
    document: Document,
    *,
    min_chars: int = MIN_CHARS,
    max_chars: int = MAX_CHARS,
    target_chars: int = TARGET_CHARS,
    overlap: float = OVERLAP,
) -> list[Chunk]:
    """Slices of `document` that together hold all of its text; a short document is kept whole.

    Every slice of a longer one has `min_chars` to `max_chars` characters, and begins with the last 10-20% of the slice
    before it (with nothing of it if `overlap` is 0). The exception to both is a run of blanks that is wider than the
    sizes leave room for. Nothing but blanks gives no slice.
    """
    _check_sizes(min_chars, max_chars, target_chars, overlap)
    inked = _INK.search(document.text)
    if inked is None:
        return []
    start, stop = inked.start(), len(document.text.rstrip())
    layout = _layout(document.text)
    length = stop - start
    if length < 2 * min_chars or length <= min(max_chars, _KEEP_WHOLE * target_chars):
        spans = [(start, stop, start)]
    else:
        spans = list(_walk(layout, start, stop, (min_chars, target_chars, max_chars), overlap))
    return [
        Chunk(
            id=document.id if len(spans) == 1 else f"{document.id}::{number}",
            document_id=document.id,
            text=document.text[begin:end],
            title=document.title,
            headings=path,
            start=begin,
            end=end,
            metadata=document.metadata,
        )
        for number, ((begin, end, _), path) in enumerate(
            zip(spans, _heading_paths(layout, [new for _, _, new in spans], document.title), strict=True), 1
        )
    ]


def split_documents(
    documents: Iterable[Document],
    *,
    min_chars: int = MIN_CHARS,
    max_chars: int = MAX_CHARS,
    target_chars: int = TARGET_CHARS,
    overlap: float = OVERLAP,
) -> list[Chunk]:
    """The slices of all documents in order, with ids that are unique if those of the documents are."""
    _check_sizes(min_chars, max_chars, target_chars, overlap)
    documents = list(documents)
    taken = {document.id for document in documents}
    chunks: list[Chunk] = []
    for document in documents:
        for chunk in split_document(
            document, min_chars=min_chars, max_chars=max_chars, target_chars=target_chars, overlap=overlap
        ):
            while chunk.id != document.id and chunk.id in taken:
                chunk = replace(chunk, id=f"{chunk.id}'")
            taken.add(chunk.id)
            chunks.append(chunk)
    return chunks


def _check_sizes(least: int, most: int, target: int, overlap: float) -> None:
    if not least > 0:
        raise InputError(f"--chunk-min must be above 0, got {least}", f"the default is {MIN_CHARS}")
    if not most >= 2 * least:
        raise InputError(
            f"--chunk-max must be at least twice --chunk-min, got {most} and {least}",
            f"raise --chunk-max to {2 * least}, or lower --chunk-min to {max(1, most // 2)}",
        )
    if not least <= target <= most:
        raise InputError(
            f"--chunk-size must lie between --chunk-min {least} and --chunk-max {most}, got {target}",
            f"for example --chunk-size {(least + most) // 2}",
        )
    if not (overlap == 0 or LEAST_OVERLAP <= overlap <= MOST_OVERLAP):
        raise InputError(f"--overlap must be 0 or between 0.1 and 0.2, got {overlap}", f"the default is {OVERLAP}")


def _layout(text: str) -> _Layout:
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
    bare = _Layout(text, fences, frozenset(edges), [], frozenset(), [])
    headings = [
        (found.start(), len(found[1]), found[2].strip())
        for found in _HEADING_LINE.finditer(text)
        if bare.fence(found.start()) is None
    ]
    starts = [start for start, _, _ in headings]
    return replace(bare, headings=headings, heading_starts=frozenset(starts), anchors=sorted(edges + starts))


def _walk(
    layout: _Layout, start: int, stop: int, sizes: tuple[int, int, int], overlap: float
) -> Iterator[tuple[int, int, int]]:
    """Start and end of each slice, and where in it the part begins that the slice before it has not got."""
    least, target, most = sizes
    new = start
    while True:
        rest = stop - start
        # A slice is at least twice what it shares, and what remains must make a slice too.
        low, last = start + max(least, 2 * (new - start)), stop - least
        if rest <= most and (rest <= _KEEP_WHOLE * target or low > last):
            yield start, stop, new
            return
        high = min(start + most, last)
        wished = min(max(start + target, low), high)
        cut = _best(layout, low, wished, high, last, target, 0)
        if cut is None and rest <= most:
            yield start, stop, new
            return
        end, after = cut or _hard_cut(layout.text, wished, low, high)
        yield start, end, new
        start, new = _next_start(layout, start, end, after, most, overlap), after


def _next_start(layout: _Layout, start: int, end: int, after: int, most: int, overlap: float) -> int:
    """Where the next slice starts: at the best boundary in the last 10-20% of the slice that ends at `end`."""
    length = end - start
    low, high = end - length // 5, end + -length // 10
    # Across a wide gap of blanks the shared words would be most of the next slice.
    if not overlap or low > high or after - low > most // 4:
        return after
    wished = min(max(end - round(overlap * length), low), high)
    # So small a price of distance that it only decides between boundaries of one kind.
    found = _best(layout, low, wished, high, high, 1_000_000, 1) or _hard_cut(layout.text, wished, low, high)
    return found[1] if found[1] <= high else after


def _best(layout: _Layout, low: int, wished: int, high: int, last: int, unit: int, side: int) -> tuple[int, int] | None:
    """The cheapest cut as (end of the text before, start of the text after), or None where all is one word.

    Side 0 has the end between `low` and `high`, side 1 the start; the start is never beyond `last`. Kinds are tried
    from the cheapest on and places from `wished` outwards, and none that cannot win any more.
    """
    best, price = None, inf
    around = layout.fence(low)
    # Where all is code, code is no reason to prefer one place over the other.
    in_code = 0.0 if around is not None and around[1] > high else _IN_CODE
    for least, pattern in _SOURCES:
        for outward in (1, -1):
            reach = int(min((price - least) * unit, high - low)) + 1
            first, end = (wished, min(high, wished + reach)) if outward > 0 else (max(low, wished - reach), wished - 1)
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


def _cuts(layout: _Layout, pattern: re.Pattern[str] | None, low: int, high: int) -> Iterator[tuple[int, int]]:
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


def _cost(layout: _Layout, cut: tuple[int, int], pattern: re.Pattern[str] | None) -> float:
    """What it costs to cut here, apart from the distance; infinite for a full stop that ends no sentence."""
    text, (end, after) = layout.text, cut
    lower = text[after : after + 1].islower()
    breaks = text.count("\n", end, after)
    if not breaks:
        return _SPACE if pattern is _SOURCES[-1][1] else inf if lower else _SENTENCE
    opening = max(text.rfind("\n", max(0, end - _LOOK_BACK), end) + 1, end - _LOOK_BACK, 0)
    line = text[opening:end]
    # A short line on its own, without a full stop, heads what follows in texts that mark no headings.
    alone = len(line) <= 80 and text[max(0, opening - 2) : opening] == "\n\n" and not line.startswith(("- ", "`"))
    opens = line.endswith(":") or (alone and not _LINE_CLOSES.search(line))
    penalty = _AFTER_HEADING if opening in layout.heading_starts else _AFTER_OPENING if opens else 0.0
    if after in layout.heading_starts:
        return _HEADING + penalty
    if breaks > 1 or after in layout.fence_edges or end in layout.fence_edges:
        return _PARAGRAPH + penalty
    if lower and not _LINE_CLOSES.search(line) and layout.fence(after) is None:
        return _WRAPPED
    return _LINE + penalty


def _hard_cut(text: str, at: int, low: int, high: int) -> tuple[int, int]:
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


def _heading_paths(layout: _Layout, places: list[int], title: str) -> Iterator[tuple[str, ...]]:
    """For each of the rising `places`, the headings that it stands under, without the document's title."""
    path: list[tuple[int, str]] = []
    done = 0
    for place in places:
        upto = bisect_right(layout.headings, place, key=lambda heading: heading[0])
        for _, level, words in layout.headings[done:upto]:
            path = [above for above in path if above[0] < level]
            path.append((level, words))
        done = upto
        yield tuple(words for _, words in path if words.casefold() != title.strip().casefold())
