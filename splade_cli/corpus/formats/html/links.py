"""Links that are no content: signs beside headings that link to them, and rows of ``Prev | Up | Next``."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.prose import names

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_SIGNS = names(
    "\u00b6 \u00a7 # \U0001f517 \u2693 \u221e \u2693\ufe0e \U0001f517\ufe0e [link] permalink anchor"
)
_LINKS_TO_ITSELF = 'a[href^="#"], a.headerlink, a.permalink, a.anchor-link, a.header-anchor, a.hash-link'
# As DocBook, Texinfo, Javadoc, Sphinx, Docusaurus and mdBook name what they put above or below a page.
_NAMED = (
    ".navheader, .navfooter, .nav-panel, .prev-next-area, .prev-next-footer, .pagination-nav, .breadcrumb, "
    ".breadcrumbs, .wy-breadcrumbs, .rst-breadcrumbs-buttons, .rst-footer-buttons, .sphinxsidebar, "
    ".skip-link, .skiplink, .toc-backref-top, .nav-chapters, .nav-wrapper, .theme-doc-breadcrumbs"
)
_STEPS = names(
    "prev previous next up top home contents index back forward \u2190 \u2192 "
    "\u00ab \u00bb < > << >> \u2191 \u2039 \u203a"
)
_STEPS_OF_PAGES = ("previous page", "next page", "previous chapter", "next chapter", "table of contents")
_ROWS = names("p div table tr td ul ol li center span nav dl")
_WORD = re.compile(r"\w+")
_LONGEST_ROW = 300  # characters
_HIGHEST = 6  # levels above a link
_MOST_LINKS = 24  # at the top and at the bottom of a page that are looked at


def links_around(page: LexborHTMLParser) -> set[int]:
    """The elements (by `mem_id`) of a page that only lead through it, or to their own headings."""
    around = {node.mem_id for node in page.css(_NAMED)}
    for link in page.css(_LINKS_TO_ITSELF):
        if link.text(strip=True).casefold() in _SIGNS:
            around.add(link.mem_id)
    return around | _rows_of_steps(page)


def _rows_of_steps(page: LexborHTMLParser) -> set[int]:
    """The smallest elements that hold two links to pages before, after or above this one, and little else."""
    steps = [link for link in page.css("a[href]") if _is_step(link)]
    if len(steps) > 2 * _MOST_LINKS:
        steps = steps[:_MOST_LINKS] + steps[-_MOST_LINKS:]
    found: Counter[int] = Counter()
    order: dict[int, list[int]] = {}
    for link in steps:
        node = link.parent
        above = []
        for _ in range(_HIGHEST):
            if node is None or node.tag not in _ROWS or len(node.text()) > _LONGEST_ROW or _has_more(node):
                break
            above.append(node.mem_id)
            node = node.parent
        found.update(above)
        order[link.mem_id] = above
    rows = set()
    for above in order.values():
        rows.update([each for each in above if found[each] > 1][:1])
    return rows


def _has_more(node: LexborNode) -> bool:
    """Whether a heading, code or a sentence stands within an element: then it is no row of links."""
    if node.tag == "p":
        outside = Counter(_WORD.findall(node.text().casefold()))
        for link in node.css("a"):
            outside.subtract(_WORD.findall(link.text().casefold()))
        if any(count > 0 and word not in _STEPS for word, count in outside.items()):
            return True
    return node.css_first("h1, h2, h3, h4, h5, h6, pre") is not None


def _is_step(link: LexborNode) -> bool:
    if (link.attributes.get("rel") or "") in ("prev", "next", "up"):
        return True
    words = " ".join(link.text().split()).casefold().strip("[]()|: ")
    return words in _STEPS_OF_PAGES or (0 < len(words) < 20 and all(each in _STEPS for each in words.split()))
