"""What the reader of a format hands out, and the few operations on lines that readers share."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote

from splade_cli.records import JsonValue, Pages

# Control characters, line and paragraph separators, and what turns the direction of a line around.
_UNSAFE_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DEEPEST = 64
_SHOWN_NAME = 100  # characters
LONGEST_TITLE = 500
"""Characters of a title: it stands before each of the chunks that its document is cut into."""

PAGE = "\ufdd0"
"""Marks in a text that is put together where a page or slide starts: a character that no text may hold."""


class Unreadable(Exception):
    """Why a file, or a row of it, has no text for us; it becomes a line of the report on the folder."""


class Remark(Unreadable):
    """What there is to say of a file whose text was read."""


@dataclass(frozen=True)
class Prose:
    """One file's text. `title` is empty where the file names none; `metadata` are as its format has them;
    `remark` says what of it was not understood; `pages` are the pages or slides of a clean `text`."""

    text: str
    title: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    remark: str = ""
    pages: Pages | None = None


def names(words: str) -> frozenset[str]:
    """The words of a list that is easier read without quotes and commas."""
    return frozenset(words.split())


def clean(text: str) -> str:
    """Newlines are ``\\n``, and nothing is left that could not be written as UTF-8."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def without_marks(text: str, name: str) -> tuple[str, Pages]:
    """A clean text without its PAGE marks, and where they stood: the starts of its pages or slides."""
    pieces = clean(text).split(PAGE)
    starts = []
    offset = len(pieces[0])
    for piece in pieces[1:]:
        starts.append(offset)
        offset += len(piece)
    return "".join(pieces), Pages(name, tuple(starts))


def short_title(title: str) -> str:
    """A title of `LONGEST_TITLE` characters at most, cut behind a word where that leaves half of them."""
    if len(title) <= LONGEST_TITLE:
        return title
    end = title.rfind(" ", LONGEST_TITLE // 2, LONGEST_TITLE + 1)
    if end < 0:
        end = LONGEST_TITLE
    return title[:end].rstrip()


def safe_name(text: str) -> str:
    """A name in which what ends a line or a cell, or steers a terminal, is percent-encoded as in a URL.

    So it is one cell of a table and one line of a report; two names stay two, unless one was written so.
    """
    if text.isprintable():
        return text
    return _UNSAFE_IN_NAMES.sub(lambda sign: quote(sign[0]), text)


def json_object(values: Mapping[str, object], depth: int = 0) -> dict[str, JsonValue]:
    """Names and values as JSON can hold them, see `as_json`."""
    return {clean(str(key)): as_json(each, depth + 1) for key, each in values.items()}


def as_json(value: object, depth: int = 0) -> JsonValue:
    """The same value as JSON can hold it: dates as ISO text, every text clean.

    Raises:
        Unreadable: lists and objects in each other deeper than any data are.
    """
    if depth > _DEEPEST:
        raise Unreadable(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return json_object(value, depth)
    if isinstance(value, list | tuple):
        return [as_json(each, depth + 1) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def squeezed(text: str) -> str:
    """No blanks at line ends, never more than one empty line."""
    # Line by line: a regex for blanks before a newline takes quadratic time on a megabyte of blanks.
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def fenced(code: str, language: str = "") -> str:
    """`code` between fences that are longer than any within it."""
    code = code.strip("\n")
    longest = max(map(len, re.findall("`+", code)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{code}\n{ticks}"


def indented(text: str, width: int) -> str:
    """`text` moved right by `width` blanks, empty lines left empty."""
    return textwrap.indent(text, " " * width)


def block_end(lines: list[str], start: int, indent: int) -> int:
    """The end of the block at `start` that is indented by `indent` or more, blank lines included."""
    end = start
    last = start
    while end < len(lines):
        if lines[end].strip():
            if len(lines[end]) - len(lines[end].lstrip()) < indent:
                break
            last = end + 1
        end += 1
    return last


def next_text(lines: list[str], start: int) -> int:
    """The first line from `start` on that is not blank."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def not_followed(included: Sequence[str]) -> str:
    """What is told of a file that takes in others by their names, which are not read at this place."""
    if not included:
        return ""
    named = ", ".join(dict.fromkeys(name.strip()[:_SHOWN_NAME] for name in included[:3]))
    more = " ..." if len(included) > 3 else ""
    return f"includes not followed ({named}{more})"
