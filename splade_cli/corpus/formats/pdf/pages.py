"""Pages as one text: running heads and page numbers out, words and paragraphs joined across page ends."""

from __future__ import annotations

import re
from collections import Counter

from splade_cli.corpus.formats.prose import PAGE

_EDGE = 2  # lines at the top and at the bottom of a page that may be printed on each
_LEAST_PAGES = 3  # that a line is on to be a running head
_NUMBERED = re.compile(
    r"(?i)\W*(?:page|p\.|seite|side|sida|página|стр\.)?\s*(\d{1,5})(?:\s*(?:of|von|av|de|из|/)\s*\d{1,5})?\W*"
)
_BESIDE = re.compile(r"(\d{1,5})\s+\S.{1,100}|\S.{1,100}?\s(\d{1,5})")
_ROMAN = re.compile(r"\W*[ivxlc]{1,7}\W*")
_COUNTED = ("chapter", "section", "part", "appendix", "kapitel", "chapitre")
_PARAGRAPH_ENDS = re.compile(r"[.!?:;…\"”»)]\Z")
_BROKEN_WORD = re.compile(r"[^\W\d_][-\u00ad\u2010]\Z")


def joined_pages(pages: list[str]) -> str:
    """The text of all pages, a PAGE mark where each starts; what is on many is kept where it comes first.

    The mark of a page that begins within a word stands behind that word.
    """
    lines = [[line.rstrip() for line in page.replace(PAGE, "").strip().split("\n")] for page in pages]
    lines = _without_numbers(lines)
    lines = _without_running_heads(lines)
    text = ""
    marks = ""
    for page in lines:
        words = "\n".join(page).strip()
        marks += PAGE
        if not words:
            continue
        goes_on = words[0].islower() and not _PARAGRAPH_ENDS.search(text)
        if not text:
            text = marks + words
        elif words[0].islower() and _BROKEN_WORD.search(text[-2:]):
            word = words.split(maxsplit=1)[0]
            text += f"\n{word}{marks}{words[len(word) :]}"
        else:
            text += ("\n" if goes_on else "\n\n") + marks + words
        marks = ""
    return text + marks


def _without_numbers(pages: list[list[str]]) -> list[list[str]]:
    """Pages without the numbers that count them in the first or in the last line.

    What stands beside one goes too if all its words are in other lines as well, as the name of a chapter is.
    """
    for edge in (0, -1):
        found: dict[int, int] = {}
        for number, page in enumerate(pages):
            numbered = _number_in(page[edge]) if page else None
            if numbered is not None:
                found[number] = numbered - number
        if not found:
            continue
        offset, count = Counter(found.values()).most_common(1)[0]
        if count < 2 or 2 * count < len(found):
            continue
        without = [page[1:] if edge == 0 else page[:-1] for page in pages]
        words = {word for page in without for line in page for word in _words(line)}
        for number, page in enumerate(pages):
            if not page:
                continue
            is_number = found.get(number) == offset and words.issuperset(_words(page[edge]))
            if is_number or _ROMAN.fullmatch(page[edge]):
                pages[number] = without[number]
    return pages


def _number_in(line: str) -> int | None:
    """The number that a line is, ends in or begins with."""
    numbered = _NUMBERED.fullmatch(line) or _BESIDE.fullmatch(line)
    if numbered is None:
        return None
    return int(next(filter(None, numbered.groups())))


def _words(line: str) -> list[str]:
    """The words of a line that is more than a number."""
    if _NUMBERED.fullmatch(line):
        return []
    words = re.findall(r"\w+", line.casefold())
    return [word for word in words if not word.isdigit() and word not in _COUNTED]


def _without_running_heads(pages: list[list[str]]) -> list[list[str]]:
    if len(pages) < _LEAST_PAGES:
        return pages
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update({_pattern(page[at]) for at in _edges(page)})
    seen: set[str] = set()
    kept = []
    for page in pages:
        dropped = set()
        for at in _edges(page):
            pattern = _pattern(page[at])
            if counts[pattern] >= _LEAST_PAGES and pattern in seen:
                dropped.add(at)
            seen.add(pattern)
        kept.append([line for at, line in enumerate(page) if at not in dropped])
    return kept


def _edges(page: list[str]) -> list[int]:
    """The first and last written lines of a page; of a page of hardly more than those, none."""
    written = [at for at, line in enumerate(page) if line.strip()]
    if len(written) <= 2 * _EDGE:
        return []
    return written[:_EDGE] + written[-_EDGE:]


def _pattern(line: str) -> str:
    """A line with the number at its end or beginning made alike: that of the page changes."""
    return re.sub(r"\A\d+\s|\s\d+\Z", " 0 ", " ".join(line.split())).casefold()
