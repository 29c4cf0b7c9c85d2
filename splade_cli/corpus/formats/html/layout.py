"""Text of an HTML element as a browser lays it out: headings, list items, table rows and code as lines.

The tree is selectolax's (Lexbor), so what is unclosed or misplaced ends up where a browser puts it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.prose import fenced, names, squeezed

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = names(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure "
    "footer form header hr html legend main nav ol p section summary table tbody tfoot thead ul caption"
)
PHRASES = names(
    "a abbr acronym area audio b base bdi bdo big br button canvas cite code col colgroup data datalist "
    "del dfn em embed font head i iframe img input ins kbd label li link map mark meta meter noscript "
    "object optgroup option output param path picture pre progress q rp rt ruby s samp script select slot "
    "small source span strike strong style sub sup svg td template textarea th time title tr track tt u "
    "var video wbr"
)
TAGS = BLOCKS | PHRASES | frozenset(HEADINGS)
_TEXT = "-text"


def text_of(nodes: list[LexborNode], hidden: Container[int] = ()) -> str:
    """The text of some elements, one below the other, without those whose `mem_id` is in `hidden`."""
    text = LaidOutText(hidden)
    for node in nodes:
        text.break_line(2)
        text.add(node)
    return squeezed("".join(text.pieces))


class LaidOutText:
    """Text in the making.

    What parts two blocks is not written at once but kept in mind (`line_ends`, how many; `mark`, what the
    next block opens with) until words come that it stands before. So what is empty leaves nothing behind.
    """

    def __init__(self, hidden: Container[int]) -> None:
        self.hidden = hidden
        self.pieces: list[str] = []
        self.line_ends = 0
        self.blank = False
        self.mark: str | None = None
        self.row_start = 0

    def add(self, root: LexborNode) -> None:
        """Writes an element with all that is in it."""
        # A stack in place of recursion: pages nest deeper than Python calls may.
        self.open(root)
        pending = [(root, root.iter(include_text=True))]
        while pending:
            parent, children = pending[-1]
            node = next(children, None)
            if node is None:
                self.close(parent)
                pending.pop()
            elif node.tag == _TEXT:
                self.words(node.text(deep=False))
            elif node.mem_id in self.hidden:
                continue
            elif node.tag == "pre":
                self.code(node)
            else:
                self.open(node)
                pending.append((node, node.iter(include_text=True)))

    def open(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "img":
            self.words(node.attributes.get("alt") or "")
        elif tag in HEADINGS:
            self.line_ends = 2
            self.mark = "#" * int(tag[1])
        elif tag == "li":
            self.line_ends = max(self.line_ends, 1)
            self.mark = "-"
        elif tag == "tr":
            self.line_ends = max(self.line_ends, 1)
            self.mark = ""
            self.row_start = len(self.pieces)
        elif tag in ("td", "th"):
            if len(self.pieces) > self.row_start:
                self.line_ends = 0
                self.mark = f"{self.mark or ''} |".strip()
        elif tag == "br":
            self.break_line(min(2, self.line_ends + 1))
        elif tag in BLOCKS:
            self.break_line(2)

    def close(self, node: LexborNode) -> None:
        tag = node.tag
        if tag in ("li", "tr"):
            self.mark = None
            self.break_line(1)
        elif tag == "table" or tag in HEADINGS:
            self.mark = None
            self.break_line(2)
        elif tag in ("td", "th"):
            if len(self.pieces) > self.row_start:
                self.line_ends = 0
        elif tag in BLOCKS:
            self.break_line(2)

    def words(self, text: str) -> None:
        words = " ".join(text.split())
        if not words:
            self.blank |= bool(text)
            return
        if self.line_ends:
            opening = "\n" * self.line_ends
            if self.mark:
                opening += f"{self.mark} "
        elif self.mark:
            opening = f" {self.mark} "
        else:
            opening = " " if self.blank or text[0].isspace() else ""
        self.pieces += [opening, words]
        self.line_ends = 0
        self.mark = None
        self.blank = text[-1].isspace()

    def code(self, node: LexborNode) -> None:
        """Preformatted text as a fenced block."""
        lines = []
        for inner in node.traverse(include_text=True):
            if inner.tag == _TEXT and not self._in_hidden(inner, node):
                lines.append(inner.text(deep=False))
            elif inner.tag == "br":
                lines.append("\n")
        code = "".join(lines)
        if code.strip():
            self.pieces.append(f"\n\n{fenced(code)}\n\n")
            self.line_ends = 1
            self.mark = None

    def break_line(self, line_ends: int) -> None:
        """So many line ends before the next words, unless a mark waits for them."""
        # Pages are full of list items and cells that hold paragraphs.
        if self.mark is None:
            self.line_ends = max(self.line_ends, line_ends)

    def _in_hidden(self, node: LexborNode, root: LexborNode) -> bool:
        parent = node.parent
        while parent is not None and parent.mem_id != root.mem_id:
            if parent.mem_id in self.hidden:
                return True
            parent = parent.parent
        return False
