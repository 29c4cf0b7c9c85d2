"""Org: the outlines of Emacs as plain text with ``#`` headings, and the title of a file."""

from __future__ import annotations

import re

from splade_cli.corpus.formats.pieces import LADDER_REMARK, is_ladder, replaced
from splade_cli.corpus.formats.prose import Prose, fenced, names, not_followed, squeezed

_HEADING = re.compile(r"(\*+)[ \t]+(.*)\Z")
_STATE = re.compile(r"(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)[ \t]+)?(?:\[#\w\][ \t]*)?(?:COMMENT[ \t]+)?")
_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:\s*\Z")
_KEYWORD = re.compile(r"\s*#\+(\w+)(?:\[[^\]]*\])?:\s*(.*)\Z")
_BLOCK = re.compile(r"\s*#\+begin_?:?\s*(\w+)\s*(.*)\Z", re.IGNORECASE)
_CODE = names("src example export verbatim")
_DRAWER = re.compile(r"\s*:[\w-]+:\s*\Z")
_PLANNING = re.compile(r"\s*(?:DEADLINE|SCHEDULED|CLOSED|CLOCK):")
_TABLE_RULE = re.compile(r"\s*\|[-+|]+\s*\Z")
_LIST_ITEM = re.compile(r"(\s*)[-+][ \t]+")
_MARK = re.compile(r"[\[\]*/_=~+<>\\]")
_INLINE = re.compile(
    r"\[\[(?:[^\[\]]+\]\[)?(?P<link>[^\[\]]+)\]\]"
    r"|(?<![\w=~])(?P<c>[=~])(?=\S)(?P<code>[^\n]{1,300}?)(?<=\S)(?P=c)(?![\w=~])"
    r"|(?<![\w*/_+])(?P<s>[*/_+])(?=\S)(?P<words>[^\n]{1,300}?)(?<=\S)(?P=s)(?![\w*/_+])"
    r"|<<(?P<target>)[^<>\n]+>>"
)
_SHOWN_KEYWORDS = names("subtitle caption author")


def read_org(source: str) -> Prose:
    """Text and title of a file: headings without states and tags, blocks, tables as rows, no drawers."""
    if is_ladder(source):
        return Prose(squeezed(source), remark=LADDER_REMARK)
    text: list[str] = []
    included: list[str] = []
    title = ""
    first_heading = ""
    lines = squeezed(source).split("\n")
    position = 0
    while position < len(lines):
        line = lines[position].rstrip()
        position += 1
        heading = _HEADING.match(line)
        block = _BLOCK.match(line)
        keyword = _KEYWORD.match(line)
        if heading:
            words = _inline(_TAGS.sub("", _STATE.sub("", heading[2], count=1)).strip())
            first_heading = first_heading or words
            text += ["", f"{'#' * min(len(heading[1]), 6)} {words}", ""]
        elif block:
            end = _end_of_block(lines, position, block[1])
            text += _block(block[1].lower(), block[2], lines[position:end])
            position = end
        elif keyword:
            name = keyword[1].lower()
            if name == "title":
                title = f"{title} {_inline(keyword[2])}".strip()
            elif name == "include":
                included.append(keyword[2].split('"')[1] if '"' in keyword[2] else keyword[2])
            elif name in _SHOWN_KEYWORDS:
                text.append(_inline(keyword[2]))
        elif _DRAWER.match(line) and (end := _end_of_drawer(lines, position)):
            position = end
        elif re.match(r"\s*: ", line) or line.strip() == ":":
            start = position - 1
            while position < len(lines) and re.match(r"\s*:(?: |\s*\Z)", lines[position]):
                position += 1
            code = [re.sub(r"\A\s*: ?", "", each) for each in lines[start:position]]
            text += ["", fenced("\n".join(code)), ""]
        elif not (_PLANNING.match(line) or _TABLE_RULE.match(line) or re.match(r"\s*#(?: |\+|\Z)", line)):
            text.append(_prose(line))
    return Prose(squeezed("\n".join(text)), title or first_heading, remark=not_followed(included))


def _end_of_block(lines: list[str], start: int, name: str) -> int:
    closing = f"#+end_{name}".lower()
    for number in range(start, len(lines)):
        if lines[number].strip().lower() in (closing, "#+end:"):
            return number
    return len(lines)


def _end_of_drawer(lines: list[str], start: int) -> int:
    """The line below the end of a drawer; 0 where it has none before the next heading."""
    for number in range(start, len(lines)):
        if lines[number].strip().lower() == ":end:":
            return number + 1
        if _HEADING.match(lines[number]):
            return 0
    return 0


def _block(name: str, words: str, lines: list[str]) -> list[str]:
    if name == "comment":
        return []
    if name in _CODE:
        # A comma at the line's start keeps Emacs from reading it as a heading or keyword.
        code = [re.sub(r"\A(\s*),(?=[*#])", r"\1", line) for line in lines]
        language = words.split(" ")[0] if name == "src" else ""
        return ["", fenced("\n".join(code), language), ""]
    return ["", *map(_prose, lines), ""]


def _prose(line: str) -> str:
    if line.lstrip().startswith("|"):
        return " | ".join(_inline(cell.strip()) for cell in line.strip().strip("|").split("|"))
    return _inline(_LIST_ITEM.sub(r"\1- ", line, count=1))


def _inline(text: str) -> str:
    return replaced(text, _MARK, _INLINE, _words_of)


def _words_of(match: re.Match[str]) -> str:
    words = match["link"] or match["code"]
    if words is not None:
        return words
    if match["words"] is not None:
        return _INLINE.sub(_words_of, match["words"])
    return ""
