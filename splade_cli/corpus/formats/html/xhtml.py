"""XHTML: a web page in the syntax of XML, as it is read by a parser of HTML."""

from __future__ import annotations

import re

from splade_cli.corpus.formats.html.page import read_page
from splade_cli.corpus.formats.prose import Prose

# To a parser of HTML ``<script/>`` opens an element that is never closed.
_CLOSED_AT_ONCE = re.compile(
    r"<((?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)[a-zA-Z][\w:-]*)"
    r"((?:\s[^<>]{0,5000})?)/>"
)
_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")


def read_xhtml(source: str) -> Prose:
    """Text and title of a page, see `read_page`."""
    return read_page(_CLOSED_AT_ONCE.sub(r"<\1\2></\1>", _DECLARATION.sub("", source)))
