"""Text without its markup, on one line: what a snippet is cut from.

Headings, fences, underlines, bars of tables, quotes and emphasis of Markdown and reStructuredText say how a
text is set; on one line they only stand in the way. Words stay, whatever stood around them.
"""

from __future__ import annotations

import re

_MARKS = re.compile(r"[#`|~*_>\[^+]|==|--|\.\.|\"\"|''|::")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*$")
_RULE = re.compile(r"([=\-~^\"'*+#_.:])(?:\s*\1){2,}$")
_TABLE_RULE = re.compile(r"[|+:\-=\s]*[|+][|+:\-=\s]*$")
_QUOTE = re.compile(r"^(?:>\s+)+")
_DIRECTIVE = re.compile(r"^\.\. [\w-]+::\s*")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s\"[^\"]*\")?\)")
_CODE = re.compile(r"(`{1,2})([^`]+)\1")
_WRAPPED_CODE = re.compile(r"(`{1,2})([^`\s][^`]{0,100})\1")
_STRONG = re.compile(r"(?<![\w*])\*\*(?=[^\s*])([^*]{0,300}?[^\s*])\*\*(?![\w*])")
_ENDS_A_SENTENCE = ".:;!?…。！？"


def on_one_line(text: str) -> str:
    """A text with single blanks for all white space, without marks of how it is set.

    A heading ends with a colon where it ends with no other sign; cells of a table are parted by commas.
    """
    if not _MARKS.search(text):
        return " ".join(text.split())
    lines = text.splitlines()
    bars = [0] * len(lines)
    if "|" in text:
        bars = [_bars(line) for line in lines]
    shown: list[str] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not _MARKS.search(stripped):
            shown.append(stripped)
            continue
        if _FENCE.match(stripped):
            continue
        if _is_rule(stripped):
            if shown and _underlines(stripped, lines, number):
                shown[-1] = _as_heading(shown[-1])
            continue
        beside = bars[max(0, number - 1) : number] + bars[number + 1 : number + 2]
        if _is_framed(stripped) or (bars[number] and bars[number] in beside):
            stripped = _cells(stripped)
        shown.append(_unmarked(stripped))
    return _wrapped(" ".join(" ".join(shown).split()))


def _wrapped(text: str) -> str:
    """A text on one line without the marks that were opened on one of its lines and closed on the next."""
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "`" in text:
        text = _WRAPPED_CODE.sub(r"\2", text)
    if "**" in text:
        text = _STRONG.sub(r"\1", text)
    return text


def _unmarked(line: str) -> str:
    """One line without its marks."""
    heading = _HEADING.match(line)
    if heading:
        line = _as_heading(heading[1])
    line = _QUOTE.sub("", line, count=1) if line.startswith(">") else line
    line = _DIRECTIVE.sub("", line, count=1) if line.startswith("..") else line
    if "](" in line:
        line = _LINK.sub(r"\1", line)
    if "`" in line:
        line = _CODE.sub(r"\2", line)
    if "**" in line:
        line = _STRONG.sub(r"\1", line)
    return line


def _as_heading(text: str) -> str:
    if not text or text[-1] in _ENDS_A_SENTENCE:
        return text
    return text + ":"


def _is_rule(line: str) -> bool:
    """Whether a line is drawn and not written: an underline, a rule, the line below the head of a table."""
    return bool(_RULE.match(line) or (len(line) > 2 and _TABLE_RULE.match(line)))


def _underlines(rule: str, lines: list[str], number: int) -> bool:
    """Whether a rule stands right below a heading of about its length."""
    above = lines[number - 1].strip() if number else ""
    return (
        bool(above) and not _is_rule(above) and _bars(lines[number - 1]) == 0 and len(rule) >= len(above) - 2
    )


def _bars(line: str) -> int:
    """How many bars part the cells of a line; none where the line is code."""
    if "=" in line or " | None" in line or line[:1].isspace():
        return 0
    return line.count("|")


def _is_framed(line: str) -> bool:
    """Whether a line is a row of a table, with a bar on either side."""
    return len(line) > 2 and line[0] == line[-1] == "|"


def _cells(line: str) -> str:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    return ", ".join([cell for cell in cells if cell])
