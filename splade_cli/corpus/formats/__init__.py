"""Readers by the ending of a file's name: one text, or a document for each row.

Each reader keeps what a person would read (headings, paragraphs, lists, code, table rows) and drops what a
browser would not show. Code stays in ``` fences, so that whoever cuts the text can tell code from prose.
"""

from __future__ import annotations

from collections.abc import Callable

from splade_cli.corpus.formats.markdown import read_markdown
from splade_cli.corpus.formats.pdf import read_pdf
from splade_cli.corpus.formats.plain import read_plain
from splade_cli.corpus.formats.prose import Prose, Unreadable
from splade_cli.corpus.formats.rst import read_rst
from splade_cli.corpus.formats.tabular import LINE_READERS, ROW_READERS
from splade_cli.corpus.formats.webpage import read_page

TEXT_READERS: dict[str, Callable[[str], Prose]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".rst": read_rst,
    ".txt": read_plain,
    ".html": read_page,
    ".htm": read_page,
}
BINARY_READERS: dict[str, Callable[[bytes], Prose]] = {".pdf": read_pdf}

__all__ = ["BINARY_READERS", "LINE_READERS", "ROW_READERS", "TEXT_READERS", "Prose", "Unreadable"]
