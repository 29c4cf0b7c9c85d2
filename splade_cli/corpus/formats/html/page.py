"""HTML pages: the text of a page's content, with ``#`` headings, and of HTML inside other formats.

What is content, the page says itself: its `main` and `article` elements, or all of it where they hold only a
small part; never what is marked as menu, footer or button. Runs no script and follows no link.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.html.depth import with_bounded_depth
from splade_cli.corpus.formats.html.layout import BLOCKS, TAGS, text_of
from splade_cli.corpus.formats.html.links import links_around
from splade_cli.corpus.formats.prose import Prose, names

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

# What a browser does not show as text.
_SILENT = "script, style, template, svg, textarea, select, title"
# What stands around the content wherever it is: menus, and what belongs to the site as a whole.
_AROUND = names("nav button dialog iframe noscript navigation banner contentinfo search")
# What does so unless it stands within one of these elements, or is marked as a note.
_AROUND_UNLESS_IN = {
    "header": ("main", "article"),
    "aside": ("main", "article"),
    "complementary": ("main", "article"),
    "footer": ("blockquote",),
}
_LEAST_SHARE = 0.5
# Office writes ``<![if x]>`` around what it means to be shown.
_CONDITION = re.compile(r"<!\[(?:[^\[\]<>]*\]>|CDATA\[)?")
_TAG_NAME = re.compile(r"<(?=/?([a-zA-Z][\w:.-]*))")
# A link that pages offer to their own headings.
_HEADING_LINKS = ("¶", "§", "🔗")


def read_page(source: str) -> Prose:
    """Text and title of a web page, without its menus, header and footer."""
    page = _parsed(source)
    title = ""
    for element in page.css("title:not(svg title)"):
        title = title or " ".join(element.text().split())
    text = re.sub(r"(?m)^#{1,6} .*$", _without_heading_link, _content(page))
    heading = re.search(r"(?m)^# (.+)", text) or re.search(r"\A#+ (.+)", text)
    if heading and (not title or heading[1].casefold() in title.casefold()):
        title = heading[1]
    return Prose(text, title)


def _without_heading_link(line: re.Match[str]) -> str:
    marks, _, words = line[0].partition(" ")
    words = words.removeprefix("§").rstrip(" \t")
    for link in _HEADING_LINKS:
        words = words.removesuffix(link)
    words = words.rstrip(" \t")
    return f"{marks} {words}"


def words_of(fragment: str) -> str:
    """The text of a piece of HTML inside another format, tags and comments removed.

    A name that HTML does not know is text: documentation is full of <your-name> and <none>.
    """
    escaped = _TAG_NAME.sub(lambda name: "<" if name[1].lower() in TAGS else "&lt;", fragment)
    if "<table" not in fragment and re.search(r"<(?:td|th|tr)\b", fragment):
        # Cells that a blank line parted from their table.
        escaped = f"<table>{escaped}"
    page = _parsed(escaped)
    return text_of(page.css("body"), _matching(page, _SILENT))


def words_of_tag(tag: str) -> str:
    """What a tag within a line of another format leaves: a line end, a blank, an image's text or nothing."""
    name_of_tag = re.match(r"</?([a-zA-Z][\w:-]*)", tag)
    if name_of_tag is None:
        return ""
    name = name_of_tag[1].lower()
    if name == "img":
        return words_of(tag)
    if name in BLOCKS or name in ("br", "li", "tr"):
        return "\n"
    if name in ("td", "th"):
        return " "
    if name in TAGS:
        return ""
    return tag


def _parsed(source: str) -> LexborHTMLParser:
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(with_bounded_depth(_CONDITION.sub("", source)))


def _matching(page: LexborHTMLParser, selector: str) -> set[int]:
    return {node.mem_id for node in page.css(selector)}


def _content(page: LexborHTMLParser) -> str:
    """The text of the outermost content elements where they hold most of the page's, or else of its body."""
    if page.body is None:
        return ""
    survey = _Survey(page, page.body)
    hidden = survey.around | _matching(page, _SILENT) | links_around(page)
    marked = text_of(survey.content, hidden)
    if marked and any(node.tag != "article" for node in survey.content):
        return marked
    whole = text_of([page.body], hidden)
    if len(marked) >= _LEAST_SHARE * len(whole):
        return marked
    return whole


class _Survey:
    """One walk over a page: which elements hold its content, and which stand around it (by `mem_id`)."""

    def __init__(self, page: LexborHTMLParser, body: LexborNode) -> None:
        self.content: list[LexborNode] = []
        self.around: set[int] = set()
        self._roles = {node.mem_id: node.attributes["role"] or "" for node in page.css("[role]")}
        self._open: Counter[str] = Counter()
        pending = [("body", body.iter())]
        while pending:
            kind, children = pending[-1]
            node = next(children, None)
            if node is None:
                self._open[kind] -= 1
                pending.pop()
            else:
                kind = self._enter(node)
                self._open[kind] += 1
                pending.append((kind, node.iter()))

    def _enter(self, node: LexborNode) -> str:
        """Looks at an element, and says what it is: by its role, where that tells, or its name."""
        kind = node.tag or ""
        role = self._roles.get(node.mem_id, "")
        if role == "main":
            kind = "main"
        elif kind in BLOCKS and (role in _AROUND or role in _AROUND_UNLESS_IN):
            kind = role
        if kind in ("main", "article") and not self._is_within(("main", "article")):
            self.content.append(node)
        is_note = role == "note" or role.startswith("doc-")
        is_beside = kind in _AROUND_UNLESS_IN and not self._is_within(_AROUND_UNLESS_IN[kind])
        if kind in _AROUND or (is_beside and not is_note):
            self.around.add(node.mem_id)
        return kind

    def _is_within(self, kinds: tuple[str, ...]) -> bool:
        return any(self._open[kind] > 0 for kind in kinds)
