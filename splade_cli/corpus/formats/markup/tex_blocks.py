"""Blocks of LaTeX: what stands between two marks, sections, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Callable

from splade_cli.corpus.formats.prose import names

_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_SECTION = re.compile(r"\\(part|chapter|section|subsection|subsubsection|paragraph)\*?(?:\[[^\]\n]*\])?\{")
_COLUMNS = re.compile(r"\A\s*(?:\[[^\]\n]*\])?(?:\s*\{(?:[^{}]|\{[^{}]*\})*\}){1,2}")
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot)\b|\\c(?:line|midrule)(?:\([^)]*\))?\{[^{}]*\}"
)
_BEGIN_OR_END = re.compile(r"\\(begin|end)\{(\w+)\}")
_ITEM = re.compile(r"\\item(?![a-zA-Z])")
_ITEM_LABEL = re.compile(r"[ \t]*\[([^\]\n]*)\]")
_LISTS = names("itemize enumerate description")
_BRACE = re.compile(r"(?<!\\)[{}]")


def between(
    text: str,
    opening: re.Pattern[str],
    closing: Callable[[re.Match[str]], str],
    shown: Callable[[re.Match[str], str], str],
) -> str:
    """`text` with each stretch from an `opening` to its `closing` replaced by what is `shown` of it.

    What is never closed stays; it is looked for once only, so that the time is linear.
    """
    parts = []
    position = 0
    never_closed: set[str] = set()
    for found in opening.finditer(text):
        end = closing(found)
        if found.start() < position or end in never_closed:
            continue
        stop = text.find(end, found.end())
        if stop < 0:
            never_closed.add(end)
            continue
        parts += [text[position : found.start()], shown(found, text[found.end() : stop])]
        position = stop + len(end)
    return "".join([*parts, text[position:]])


def headings(text: str) -> str:
    """Sections as lines that open with ``#``, one for each level."""
    ends = closing_braces(text)
    parts = []
    position = 0
    for found in _SECTION.finditer(text):
        end = ends.get(found.end() - 1)
        if end is None or found.start() < position:
            continue
        words = " ".join(text[found.end() : end].split())
        marks = "#" * _LEVELS[found[1]]
        parts += [text[position : found.start()], f"\n\n{marks} {words}\n\n"]
        position = end + 1
    return "".join([*parts, text[position:]])


def closing_braces(text: str) -> dict[int, int]:
    """Where the brace at each position is closed."""
    ends: dict[int, int] = {}
    pending: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            pending.append(brace.start())
        elif pending:
            ends[pending.pop()] = brace.start()
    return ends


def rows(body: str) -> str:
    """The rows of a table, its cells parted by bars."""
    body = _RULES.sub("", _COLUMNS.sub("", body, count=1))
    rows = []
    for row in re.split(r"\\\\(?:\[[^\]\n]*\])?|\\tabularnewline\b", body):
        cells = [" ".join(cell.split()) for cell in re.split(r"(?<!\\)&", row)]
        if any(cells):
            rows.append(" | ".join(cells))
    return "\n\n" + "\n".join(rows) + "\n\n"


def lists(text: str) -> str:
    """Items behind their marks, two blanks further in for each list that they stand in."""
    depth = 0
    lines = []
    for line in text.split("\n"):
        for begin, name in _BEGIN_OR_END.findall(line):
            if name in _LISTS:
                depth += 1 if begin == "begin" else -1
        mark = "  " * max(0, min(depth, 6) - 1) + "- "
        before, *items = _ITEM.split(line)
        if before.strip() or not items:
            lines.append(before)
        for item in items:
            label = _ITEM_LABEL.match(item)
            if label:
                item = f"{label[1]}: {item[label.end() :].lstrip()}"
            lines.append(f"{mark}{item.strip()}")
    return "\n".join(lines)
