"""Plain text: a file without markup, in which no structure is looked for, and files that name no markup."""

from __future__ import annotations

import re

from splade_cli.corpus.formats.markdown.reader import read_markdown
from splade_cli.corpus.formats.markup.rst import read_rst
from splade_cli.corpus.formats.prose import Prose

_RST = re.compile(r"(?m)^\.\. (?:[\w-]+::|_[^\n:]+:)|^(?:={4,}|-{4,})\n[^\n]+\n(?:={4,}|-{4,})$|\w::\n\n +\S")
_MARKDOWN = re.compile(r"(?m)^#{1,4} \S|^```|\]\(\S+\)|^\* \[")
_LOOKED_AT = 20_000


def read_plain(source: str) -> Prose:
    """A text file as it is."""
    return Prose(source.strip("\n").rstrip())


def read_unnamed(source: str) -> Prose:
    """The text of a ``README`` and its like, in the markup that it looks like, if any."""
    opening = source[:_LOOKED_AT]
    if _RST.search(opening):
        return read_rst(source)
    if _MARKDOWN.search(opening):
        return read_markdown(source)
    return read_plain(source)
