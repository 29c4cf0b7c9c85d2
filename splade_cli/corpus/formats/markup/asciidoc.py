"""AsciiDoc: plain text with ``#`` headings and the title of a file.

Read line by line, as far as documents go. Follows no include and no reference; conditions count as met.
"""

from __future__ import annotations

import re

from splade_cli.corpus.formats.pieces import LADDER_REMARK, is_ladder, replaced
from splade_cli.corpus.formats.prose import Prose, fenced, names, not_followed, squeezed

_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*?)(?:[ \t]+\1)?\s*\Z")
_ATTRIBUTE = re.compile(r":!?([\w-]+)!?:(?:[ \t]+(.*))?\Z")
_REFERENCE = re.compile(r"\{([\w-]{1,60})\}")
_BLOCK_ATTRIBUTES = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\s*\Z")
_SOURCE = re.compile(r"\[(?:source|,)[%\w]*,?\s*([\w+#-]*)")
_ADMONITIONS = names("NOTE TIP IMPORTANT WARNING CAUTION")
_DELIMITER = re.compile(r"(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|--|`{3,})([\w+#-]*)\s*\Z")
_LITERAL = ("-", ".", "`")
_TABLE = re.compile(r"[|,:!]={3,}\s*\Z")
_CELL = re.compile(r"(?:(?:\d+(?:\.\d+)?|\.\d+)[+*])?[<^>]?(?:\.[<^>])?[aehlmsd]?\|")
_MACRO = re.compile(r"(image|video|audio|include|ifdef|ifndef|ifeval|endif|toc)::?([^\[]*)\[(.*)\]\s*\Z")
_LIST_ITEM = re.compile(r"\s*(\*{1,6}|-|\.{1,6}|\d+\.)[ \t]+(?=\S)")
_TERM = re.compile(r"\s*(\S.*?)(:{2,4}|;;)(?:[ \t]+(.*))?\Z")
_MARK = re.compile(r"[*_`#^~+\[\]<>{}:]")
_INLINE = re.compile(
    r"`\+(?P<literal>[^`\n]+?)\+`|\+{3}(?P<pass3>.+?)\+{3}|pass:\w*\[(?P<passed>[^\]\n]*)\]"
    r"|(?:link|mailto|xref|kbd|btn|menu|footnote|footnoteref|indexterm2|image|icon|anchor|stem)"
    r":{1,2}[^\s\[\]]{0,300}\[(?P<macro>[^\]\n]*)\]"
    r"|(?:https?|ftp)://[^\s\[\]<>]+\[(?P<link>[^\]\n]+)\]"
    r"|<<[^<>,\n]+,\s*(?P<named>[^<>\n]+?)>>|<<#?(?P<plain>[^<>,\n]+)>>"
    r"|\[\[(?P<anchor>)[\w:. -]+\]\]|\(\(\((?P<index>)[^()\n]*\)\)\)"
    r"|(?<![\w*])(?:\[[^\]\n]*\])?(?P<s>\*{1,2})(?=\S)(?P<strong>[^*\n]+?)(?<=\S)(?P=s)(?![\w*])"
    r"|(?<![\w_])(?P<e>_{1,2})(?=\S)(?P<emphasis>[^_\n]+?)(?<=\S)(?P=e)(?![\w_])"
    r"|(?<![\w`])(?P<m>`{1,2})(?=\S)(?P<mono>[^`\n]+?)(?<=\S)(?P=m)(?![\w`])"
    r"|(?<![\w#])(?:\[[^\]\n]*\])?(?P<h>#{1,2})(?=\S)(?P<mark>[^#\n]+?)(?<=\S)(?P=h)(?![\w#])"
)
_SHOWN = (
    "literal",
    "pass3",
    "passed",
    "macro",
    "link",
    "named",
    "plain",
    "strong",
    "emphasis",
    "mono",
    "mark",
)
_CALLOUT = re.compile(r"[ \t]*(?://|#|--|;;)?[ \t]*(?:<\d+>[ \t]*)+$|<!--\d+-->")


def read_asciidoc(source: str) -> Prose:
    """Text and title of a file: sections, blocks without their delimiters, tables as rows."""
    if is_ladder(source):
        return Prose(squeezed(source), remark=LADDER_REMARK)
    reader = _Reader(squeezed(source).split("\n"))
    reader.read()
    return Prose(squeezed("\n".join(reader.text)), reader.title, remark=not_followed(reader.included))


class _Reader:
    """A file that is read from the top, line by line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.position = 0
        self.text: list[str] = []
        self.title = ""
        self.included: list[str] = []
        self.words = {"nbsp": " ", "empty": "", "sp": " ", "plus": "+", "asterisk": "*", "cpp": "C++"}
        self.language = ""
        self.is_code = False
        self.open: set[str] = set()

    def read(self) -> None:
        """Takes each line once."""
        while self.position < len(self.lines):
            line = self.lines[self.position].rstrip()
            self.position += 1
            delimiter = _DELIMITER.match(line)
            if delimiter:
                self._delimited(delimiter[1], delimiter[2])
            elif _TABLE.match(line):
                self._table(line)
            elif not line.startswith("//"):
                self._line(line)

    def _delimited(self, mark: str, language: str) -> None:
        """A block between two equal lines: comments go, code is kept as it is, all else is read on."""
        if mark[0] == "/":
            self._until(mark)
        elif self._is_literal_block(mark):
            code = [_CALLOUT.sub("", line) for line in self._until(mark)]
            for line in code:
                self._note_include(line)
            self.text += ["", fenced("\n".join(code), language or self.language), ""]
        elif mark[0] == "+":
            self.text += self._until(mark)
        else:
            self.open ^= {mark}
        self.language = ""
        self.is_code = False

    def _is_literal_block(self, mark: str) -> bool:
        if mark == "--":
            return self.is_code
        return mark[0] in _LITERAL

    def _until(self, mark: str) -> list[str]:
        start = self.position
        while self.position < len(self.lines):
            line = self.lines[self.position].rstrip()
            self.position += 1
            if line == mark:
                return self.lines[start : self.position - 1]
        return self.lines[start:]

    def _note_include(self, line: str) -> None:
        macro = _MACRO.match(line)
        if macro and macro[1] == "include":
            self.included.append(macro[2])

    def _table(self, mark: str) -> None:
        """Rows as they are written, cells parted by bars; a cell to a line becomes a row to a blank line."""
        row: list[str] = []
        for line in [*self._until(mark), ""]:
            self._note_include(line)
            cells = [self._inline(cell.strip()) for cell in _CELL.split(line)]
            if line.lstrip().startswith("|") or _CELL.match(line.lstrip()):
                cells = cells[1:]
            elif row and line.strip():
                row[-1] = f"{row[-1]} {cells[0]}".strip()
                cells = cells[1:]
            row += [cell for cell in cells if line.strip()]
            if row and (not line.strip() or len(cells) > 1):
                self.text.append(" | ".join(row))
                row = []
        self.text.append("")

    def _line(self, line: str) -> None:
        heading = _HEADING.match(line)
        attribute = _ATTRIBUTE.match(line)
        macro = _MACRO.match(line)
        if heading:
            self._heading(len(heading[1]), heading[2])
        elif attribute:
            self.words[attribute[1]] = (attribute[2] or "").strip()
        elif macro:
            self._macro(macro[1], macro[2], macro[3])
        elif self._has_underline(line):
            return
        elif line.startswith("[") and _BLOCK_ATTRIBUTES.match(line):
            self._attributes(line)
        elif line == "+":
            self.text.append("")
        elif re.match(r"\.[^\s.]", line):
            self.text += ["", self._inline(line[1:])]
        elif line.startswith(" ") and line.strip() and self._is_literal(line):
            self.text += ["", fenced(self._paragraph(line)), ""]
        else:
            self._prose(line)

    def _has_underline(self, line: str) -> bool:
        """Whether a line is a heading by the line of signs below it; it is written if it is."""
        below = self.lines[self.position].rstrip() if self.position < len(self.lines) else ""
        if not re.fullmatch(r"(=+|-+|~+|\^+|\++)", below) or len(below) < 3 or below in self.open:
            return False
        if not re.match(r"\w", line) or abs(len(below) - len(line)) > 1:
            return False
        self.position += 1
        self._heading("=-~^+".index(below[0]) + 1, line)
        return True

    def _heading(self, level: int, words: str) -> None:
        words = self._inline(words)
        self.title = self.title or words
        self.text += ["", f"{'#' * level} {words}", ""]

    def _macro(self, name: str, target: str, words: str) -> None:
        if name == "include":
            self.included.append(target)
        elif name == "image":
            self.text.append(self._inline(words.split(",")[0].strip(' "')))

    def _attributes(self, line: str) -> None:
        """What stands in brackets above a block: the kind of a note, the language of code."""
        inner = line.strip()[1:-1]
        source = _SOURCE.match(line)
        if inner in _ADMONITIONS:
            self.text += ["", f"{inner.capitalize()}:"]
        elif source:
            self.language = source[1]
            self.is_code = True
        elif inner.startswith(("quote", "verse")) and "," in inner:
            self.text.append(self._inline(inner.split(",", 1)[1].strip()))

    def _is_literal(self, line: str) -> bool:
        before = self.lines[self.position - 2] if self.position > 1 else ""
        return not before.strip() and not _LIST_ITEM.match(line) and not _TERM.match(line)

    def _paragraph(self, line: str) -> str:
        lines = [line]
        while self.position < len(self.lines) and self.lines[self.position].strip():
            lines.append(self.lines[self.position].rstrip())
            self.position += 1
        return "\n".join(each.removeprefix(" ") for each in lines)

    def _prose(self, line: str) -> None:
        item = _LIST_ITEM.match(line)
        term = _TERM.match(line)
        if item:
            indent = "  " * (len(item[1]) - 1 if item[1][0] in "*." else 0)
            mark = "-" if item[1][0] in "*-" else "1."
            self.text.append(f"{indent}{mark} {self._inline(line[item.end() :])}")
        elif term and "::" not in term[1]:
            self.text.append(self._inline(term[1]))
            if term[3]:
                self.text.append(f": {self._inline(term[3])}")
        else:
            self.text.append(self._inline(line.removesuffix(" +")))

    def _inline(self, text: str) -> str:
        """A line without its marks, the attributes in it replaced by their values."""
        text = _REFERENCE.sub(lambda name: self.words.get(name[1], name[0]), text)
        return replaced(text, _MARK, _INLINE, _words_of)


def _words_of(match: re.Match[str]) -> str:
    for name in _SHOWN:
        if match[name] is not None:
            words = match[name]
            return re.sub(r"[`*_]{1,2}(?=\S)([^`*_]+)(?<=\S)[`*_]{1,2}", r"\1", words)
    return ""
