"""Links of a page that is read both in the repository and in the site, put right for the site.

A page names its neighbours by their place in the repository. In the site some stand elsewhere, and what has
no page there, such as a source file, is named without a link.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^ *```")


def with_links_of_the_site(text: str, source: str, address: str, pages: Mapping[str, str]) -> str:
    """The text of a page with each link to a file of the repository put right.

    Args:
        text: Markdown; what stands in fenced blocks is left as it is.
        source: path of the page in the repository, such as ``docs/reading.md``.
        address: path of the page in the site's sources, such as ``reading.md``.
        pages: the address of every page and picture of the site, by its path in the repository.
    """
    here = posixpath.dirname(source)

    def put_right(match: re.Match[str]) -> str:
        picture, shown, target, anchor = match.groups()
        wanted = posixpath.normpath(posixpath.join(here, target))
        if wanted not in pages:
            return shown
        found = posixpath.relpath(pages[wanted], posixpath.dirname(address) or ".")
        return f"{picture}[{shown}]({found}{anchor or ''})"

    lines = []
    is_fenced = False
    for line in text.split("\n"):
        if FENCE.match(line):
            is_fenced = not is_fenced
        lines.append(line if is_fenced else LINK.sub(put_right, line))
    return "\n".join(lines)
