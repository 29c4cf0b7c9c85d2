"""A web page comes in, the text of its content with ``#`` headings goes out; runs no script and follows no link.

What is content, the page says itself: the `main` or `article` elements where there are any, and never what is marked
as menu, header, footer or aside. A sidebar without such a mark is taken for text.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from splade_cli.corpus.formats.prose import Prose, fenced, names, squeezed

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = names(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hr html legend main nav ol p section summary table tbody tfoot thead ul caption"
)
_PHRASES = names(
    "a abbr acronym area audio b base bdi bdo big br button canvas cite code col colgroup data datalist del dfn em "
    "embed font head i iframe img input ins kbd label li link map mark meta meter noscript object optgroup option "
    "output param path picture pre progress q rp rt ruby s samp script select slot small source span strike strong "
    "style sub sup svg td template textarea th time title tr track tt u var video wbr"
)
_TAGS = _BLOCKS | _PHRASES | frozenset(_HEADINGS)
_SILENT = names("script style template svg textarea select")
_AROUND = names("nav header footer aside button dialog iframe noscript")
_AROUND_ROLES = ("navigation", "banner", "contentinfo", "search", "complementary")
# One that is not closed goes on to the end, as in a browser.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# Office writes ``<![if x]>``, and the parser gives up on a page that has one.
_CONDITION = re.compile(r"<!\[(?:[^\[\]<>]*\]>|CDATA\[)?")


def read_page(source: str) -> Prose:
    """Text and title of a web page, without its menus, header and footer."""
    reader = _Reader(source, whole=True)
    # The links that pages offer to their own headings.
    text = re.sub(r"(?m)^(#{1,6} )§?(.*?)[ \t]*[¶§🔗]?$", r"\1\2", reader.text)
    title = " ".join(reader.title.split())
    heading = re.search(r"(?m)^# (.+)", text) or re.search(r"\A#+ (.+)", text)
    if heading and (not title or heading[1].casefold() in title.casefold()):
        title = heading[1]
    return Prose(text, title)


def words_of(fragment: str) -> str:
    """The text of a piece of HTML inside another format, tags and comments removed."""
    return _Reader(fragment, whole=False).text


def words_of_tag(tag: str) -> str:
    """What one tag within a line of another format leaves there: a line end, a blank, the text of an image or nothing.

    A name that HTML does not know is text: documentation is full of <your-name> and <none>.
    """
    found = re.match(r"</?([a-zA-Z][\w:-]*)", tag)
    if found is None:
        return ""
    name = found[1].lower()
    if name == "img":
        return words_of(tag)
    if name in _BLOCKS or name in ("br", "li", "tr"):
        return "\n"
    return " " if name in ("td", "th") else "" if name in _TAGS else tag


class _Reader(HTMLParser):
    """Collects text as a browser would show it: of a `whole` page only the content, of a fragment all.

    What parts two blocks is not written at once but kept in mind (`lines`, how many line ends; `mark`, what the next
    block opens with) until words come that it stands before. So what is empty leaves nothing behind.
    """

    def __init__(self, source: str, whole: bool) -> None:
        super().__init__()
        self.whole = whole
        self.title, self.in_title = "", False
        self.content: list[str] = []
        self.rest: list[str] = []
        self.parts = self.rest
        self.lines, self.blank = 0, False
        self.mark: str | None = None
        self.row_start = 0
        self.code: list[str] | None = None
        # What is not shown, and what is content, each ends where as many elements of its name have ended as began.
        self.hidden, self.hidden_depth = "", 0
        self.main, self.main_depth = "", 0
        self.feed(_CONDITION.sub("", _COMMENT.sub("", source)))
        self.close()
        self._end_code()
        self.text = squeezed("".join(self.content or self.rest))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        role = dict(attrs).get("role") if self.whole else None
        if self.hidden:
            self.hidden_depth += tag == self.hidden
            return
        if self._is_hidden(tag, role):
            self.hidden, self.hidden_depth = tag, 1
            return
        if tag == self.main:
            self.main_depth += 1
        elif self.whole and not self.main and (tag in ("main", "article") or role == "main"):
            self._break(2)
            self.main, self.main_depth, self.parts = tag, 1, self.content
        if tag == "title":
            self.in_title = True
        elif tag not in _TAGS:
            self.handle_data("" if self.whole else self.get_starttag_text() or "")
        elif self.code is not None:
            self.code.append("\n" if tag == "br" else "")
        else:
            self._open(tag, attrs)

    def _is_hidden(self, tag: str, role: str | None) -> bool:
        if not self.whole:
            return tag in _SILENT
        around = tag in _AROUND and not (tag == "header" and self.main)
        return tag in _SILENT or around or (role in _AROUND_ROLES and tag in _BLOCKS)

    def _open(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self.code = []
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")
        elif tag in _HEADINGS:
            self.lines, self.mark = 2, "#" * int(tag[1])
        elif tag == "li":
            self.lines, self.mark = max(self.lines, 1), "-"
        elif tag == "tr":
            self.lines, self.mark = max(self.lines, 1), ""
            self.row_start = len(self.parts)
        elif tag in ("td", "th") and len(self.parts) > self.row_start:
            self.lines, self.mark = 0, f"{self.mark or ''} |".strip()
        elif tag == "br":
            self._break(min(2, self.lines + 1))
        elif tag in _BLOCKS:
            self._break(2)

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            self.hidden_depth -= tag == self.hidden
            self.hidden = self.hidden if self.hidden_depth else ""
            return
        if tag == "title":
            self.in_title = False
        elif tag == "pre":
            self._end_code()
        elif tag in ("li", "tr", "table", *_HEADINGS):
            self.mark = None
            self._break(1 if tag in ("li", "tr") else 2)
        elif tag in ("td", "th") and len(self.parts) > self.row_start:
            self.lines = 0
        elif tag in _BLOCKS:
            self._break(2)
        elif tag not in _TAGS and not self.whole:
            self.handle_data(f"</{tag}>")
        self.main_depth -= tag == self.main
        if self.main and not self.main_depth:
            self._end_code()
            self._break(2)
            self.main, self.parts = "", self.rest

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        if self.in_title:
            self.title += data
        elif self.code is not None:
            self.code.append(data)
        elif words := " ".join(data.split()):
            if self.lines:
                opening = "\n" * self.lines + (f"{self.mark} " if self.mark else "")
            elif self.mark:
                opening = f" {self.mark} "
            else:
                opening = " " if self.blank or data[0].isspace() else ""
            self.parts += [opening, words]
            self.lines, self.mark, self.blank = 0, None, data[-1].isspace()
        else:
            self.blank |= bool(data)

    def _break(self, lines: int) -> None:
        # Not between a mark and its words: pages are full of list items and cells that hold paragraphs.
        if self.mark is None:
            self.lines = max(self.lines, lines)

    def _end_code(self) -> None:
        code, self.code = "".join(self.code or ()), None
        if code.strip():
            self.parts.append(f"\n\n{fenced(code)}\n\n")
            self.lines, self.mark = 1, None
