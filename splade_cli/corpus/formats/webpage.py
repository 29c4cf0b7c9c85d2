"""HTML pages: the text of a page's content, with ``#`` headings, and of HTML inside other formats.

What is content, the page says itself: its `main` and `article` elements, or all of it where they hold only a
small part; never what is marked as menu, footer or button. Runs no script and follows no link.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.html_text import BLOCKS, TAGS, text_of
from splade_cli.corpus.formats.prose import Prose

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

# What a browser does not show as text.
_SILENT = "script, style, template, svg, textarea, select, title"
# What stands around the content wherever it is: menus, and what belongs to the site as a whole.
_AROUND = "nav, button, dialog, iframe, noscript"
_AROUND_ROLES = ("navigation", "banner", "contentinfo", "search", "complementary")
# What does so unless it stands within such an element.
_AROUND_UNLESS_IN = {
    "header": ("main", "article"),
    "aside": ("main", "article"),
    "complementary": ("main", "article"),
    "footer": ("blockquote",),
}
_CONTENT = "main, article, [role=main]"
_LEAST_SHARE = 0.5
# Office writes ``<![if x]>`` around what it means to be shown.
_CONDITION = re.compile(r"<!\[(?:[^\[\]<>]*\]>|CDATA\[)?")
_TAG_NAME = re.compile(r"<(?=/?([a-zA-Z][\w:.-]*))")
# A link that pages offer to their own headings.
_HEADING_LINK = re.compile(r"(?m)^(#{1,6} )§?(.*?)[ \t]*[¶§🔗]?$")


def read_page(source: str) -> Prose:
    """Text and title of a web page, without its menus, header and footer."""
    page = _parsed(source)
    title = ""
    for element in page.css("title:not(svg title)"):
        title = title or " ".join(element.text().split())
    text = _HEADING_LINK.sub(r"\1\2", _content(page))
    heading = re.search(r"(?m)^# (.+)", text) or re.search(r"\A#+ (.+)", text)
    if heading and (not title or heading[1].casefold() in title.casefold()):
        title = heading[1]
    return Prose(text, title)


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

    return LexborHTMLParser(_CONDITION.sub("", source))


def _matching(page: LexborHTMLParser, selector: str) -> set[int]:
    return {node.mem_id for node in page.css(selector)}


def _hidden(page: LexborHTMLParser) -> set[int]:
    """What of a page is not read: the silent elements, and menus and the like around the content."""
    hidden = _matching(page, f"{_SILENT}, {_AROUND}")
    for node in page.css("header, aside, footer, [role]"):
        role = node.attributes.get("role") or ""
        kind = node.tag or ""
        if role in _AROUND_ROLES and kind in BLOCKS:
            kind = role
        elif kind not in _AROUND_UNLESS_IN or role == "note" or role.startswith("doc-"):
            continue
        if not _is_in(node, _AROUND_UNLESS_IN.get(kind, ())):
            hidden.add(node.mem_id)
    return hidden


def _is_in(node: LexborNode, names: tuple[str, ...]) -> bool:
    """Whether an element of one of the names holds `node`; an element in the role of `main` is one."""
    parent = node.parent
    while parent is not None:
        name = "main" if parent.attributes.get("role") == "main" else parent.tag
        if name in names:
            return True
        parent = parent.parent
    return False


def _content(page: LexborHTMLParser) -> str:
    """The text of the outermost content elements where they hold most of the page's, or else of its body."""
    hidden = _hidden(page)
    outermost = [node for node in page.css(_CONTENT) if not _is_in(node, ("main", "article"))]
    marked = text_of(outermost, hidden)
    if marked and any(node.tag != "article" for node in outermost):
        return marked
    whole = text_of(page.css("body"), hidden)
    if len(marked) >= _LEAST_SHARE * len(whole):
        return marked
    return whole
