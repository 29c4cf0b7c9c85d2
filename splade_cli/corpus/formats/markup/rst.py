"""reStructuredText: plain text with ``#`` headings and the title of a file.

Read line by line, as far as documents go: docutils would refuse the directives and roles that Sphinx adds.
Follows no include and no reference.
"""

from __future__ import annotations

import re
import textwrap

from splade_cli.corpus.formats.pieces import LADDER_REMARK, is_ladder, replaced
from splade_cli.corpus.formats.prose import (
    Prose,
    block_end,
    fenced,
    indented,
    names,
    next_text,
    not_followed,
    squeezed,
)

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*\Z")
_DIRECTIVE = re.compile(r"( *)\.\. (?:\|[^|]+\| )?([\w:+.-]+?)::(?:[ \t]+(.*))?\Z")
_FOOTNOTE = re.compile(r" *\.\. \[([^\]]+)\]")
_COMMENT = re.compile(r" *(?:\.\.|__)(?: |\Z)")
_TABLE_BORDER = re.compile(r" *(?:\+[-=+]{2,}|={2,}(?: +={2,})+\s*\Z)")
_TABLE_ROW = re.compile(r" *\|(.*)\|\s*\Z")
_REPLACEMENT = re.compile(r"(?m)^[ \t]*\.\. \|([^|\n]+)\| replace:: (.+)$")
_INCLUDE = re.compile(r"(?m)^[ \t]*\.\. (?:literal)?include::[ \t]+(\S+)")
_TARGET = re.compile(r"(?m)^[ \t]*\.\. _([^:\n]+):")
_NAMED = re.compile(r"(?<![\w_`])([A-Za-z0-9][\w.+-]*?)_{1,2}(?![\w_])")
_REFERENCE = re.compile(r"\|([^|\n]{1,100})\|")
# What opens, closes or escapes an inline element.
_MARK = re.compile(r"[`*:<>_\\|]")
_CODE = names("code code-block sourcecode parsed-literal prompt console highlight-block doctest testcode raw")
_NO_TEXT = names(
    "toctree contents include literalinclude highlight index meta currentmodule default-role sectnum image"
)
_UNNAMED = names("only container class rubric centered")
# What stands for itself in a line; the first that fits counts, and nothing is looked for inside it.
_INLINE = re.compile(
    r"``(?P<literal>.+?)``"
    r"|(?::[\w:+.-]{1,60}:)?`(?P<link>[^`<]+?)\s*<[^`>]*>`_{0,2}"
    r"|:[\w:+.-]{1,60}:`[~!]?(?P<role>[^`]+)`"
    r"|(?:(?<!\w)_)?`(?P<default_role>[^`]+)`_{0,2}(?!\w)"
    r"|(?P<footnote>\[[\w#*.-]{1,50}\])_(?!\w)"
    r"|(?<![\w*\\])(?P<stars>\*{1,2})(?=[^\s*])(?P<emphasis>[^*]+?)(?<=[^\s*])(?P=stars)(?![\w*])"
    r"|\\(?P<escaped>[^\w\s])",
    re.DOTALL,
)
_MOST_LINES_OF_A_LINK = 4


def read_rst(source: str) -> Prose:
    """Text and title of a file: headings by order of appearance, directives unwrapped."""
    if is_ladder(source):
        return Prose(squeezed(source), remark=LADDER_REMARK)
    included = _INCLUDE.findall(source)
    outline = _Outline()
    lines = _Reader(source.expandtabs(8).split("\n"), outline).read()
    targets = {name.casefold().strip("`") for name in _TARGET.findall(source)}
    lines = [_NAMED.sub(lambda name: _name_of_target(name, targets), line) for line in lines]
    words = dict(_REPLACEMENT.findall(source))
    if words:
        lines = [_REFERENCE.sub(lambda name: words.get(name[1], name[0]), line) for line in lines]
    title = "".join(outline.titles[:1])
    return Prose(squeezed("\n".join(lines)), title, remark=not_followed(included))


def _name_of_target(name: re.Match[str], targets: set[str]) -> str:
    """A word without the underscore of a reference, if there is a target of its name."""
    return name[1] if name[1].casefold() in targets else name[0]


class _Outline:
    """The headings so far: the level of one is the rank of its adornment among those that have come."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.adornments: list[tuple[str, bool]] = []

    def heading(self, title: str, adornment: tuple[str, bool]) -> str:
        if adornment not in self.adornments:
            self.adornments.append(adornment)
        self.titles.append(title)
        level = min(self.adornments.index(adornment) + 1, 6)
        return f"{'#' * level} {title}"


class _Reader:
    """A stretch of lines that is read from the top."""

    def __init__(self, lines: list[str], outline: _Outline) -> None:
        self.lines = lines
        self.outline = outline
        self.position = 0
        self.text: list[str] = []

    def read(self) -> list[str]:
        """The lines of the text; each step takes one line or several."""
        while self.position < len(self.lines):
            line = self.lines[self.position]
            directive = _DIRECTIVE.match(line)
            if self._heading(line):
                continue
            if directive:
                body = self._indented_block(line)
                lines = _directive(directive[2].lower(), directive[3] or "", body, self.outline)
                self.text.extend(["", *lines, ""])
            elif _FOOTNOTE.match(line):
                self.text.append(_plain(line.replace(".. ", "", 1)))
                self.position += 1
            elif _COMMENT.match(line):
                self._indented_block(line)
            elif _ADORNMENT.match(line) or _TABLE_BORDER.match(line):
                self.position += 1
            elif line.rstrip().endswith("::"):
                self._literal_block(line)
            else:
                self._words(line)
        return self.text

    def _heading(self, line: str) -> bool:
        """A title with a line of punctuation below it, or one above and one below."""
        below, under = [*self.lines[self.position + 1 : self.position + 3], "", ""][:2]
        overlined = _ADORNMENT.match(line) and below.strip() and under.rstrip() == line.rstrip()
        if overlined:
            heading = self.outline.heading(_plain(below.strip()), (line[0], True))
            self.position += 3
        elif line.strip() and not line[0].isspace() and _underlines(below, line):
            heading = self.outline.heading(_plain(line.strip()), (below[0], False))
            self.position += 2
        else:
            return False
        self.text.extend(["", heading, ""])
        return True

    def _indented_block(self, line: str) -> list[str]:
        """The lines below this one that are further in; they are read with it."""
        start = self.position + 1
        indent = len(line) - len(line.lstrip())
        self.position = block_end(self.lines, start, indent + 1)
        return self.lines[start : self.position]

    def _literal_block(self, line: str) -> None:
        words = _plain(line.rstrip()[:-1])
        if words.strip() != ":":
            self.text.append(words)
        code = textwrap.dedent("\n".join(self._indented_block(line)))
        if code.strip():
            indent = len(line) - len(line.lstrip())
            self.text.extend(["", *indented(fenced(code), indent).split("\n"), ""])

    def _words(self, line: str) -> None:
        self.position += 1
        row = _TABLE_ROW.match(line)
        if row:
            line = " | ".join(cell.strip() for cell in row[1].split("|"))
        # A link may go on in the next line.
        for following in self.lines[self.position : self.position + _MOST_LINES_OF_A_LINK]:
            if line.count("`") % 2 == 0 or not following.strip():
                break
            line = f"{line}\n{following}"
            self.position += 1
        self.text.append(_plain(re.sub(r"^( *)[*+•] ", r"\1- ", line)))


def _underlines(below: str, title: str) -> bool:
    # One character short is an error that docutils forgives, too.
    long_enough = len(below.rstrip()) + 1 >= len(title.rstrip())
    return long_enough and bool(_ADORNMENT.match(below)) and not _ADORNMENT.match(title)


def _directive(name: str, argument: str, body: list[str], outline: _Outline) -> list[str]:
    """The text of a directive: code, the description of an image, or its name, argument and content."""
    options = 0
    alt = ""
    while options < len(body) and re.match(r"\s+:[\w-]+:", body[options]):
        described = re.match(r"\s+:alt:\s*(.*)", body[options])
        if described and not alt:
            alt = described[1]
        options += 1
    content = textwrap.dedent("\n".join(body[options:]))
    if name in _CODE:
        return fenced(content, argument.split(" ")[0]).split("\n")
    if name in _NO_TEXT or name == "replace":
        return [alt]
    lines = _Reader(content.split("\n"), outline).read()
    if name == "figure":
        return [alt, "", *lines]
    label = ""
    if ":" not in name and name not in _UNNAMED:
        label = f"{name.replace('-', ' ').capitalize()}: "
    if argument:
        return [label + _plain(argument), *lines]
    return [label.strip(), *lines[next_text(lines, 0) :]]


def _plain(text: str) -> str:
    """`text` without its inline markup."""
    return replaced(text, _MARK, _INLINE, lambda match: match[match.lastgroup or 0])
