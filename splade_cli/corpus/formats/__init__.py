"""Readers by the ending of a file's name: one text, or a document for each row.

Each reader keeps what a person would read (headings, paragraphs, lists, code, table rows) and drops what a
browser would not show. Code stays in ``` fences, so that whoever cuts the text can tell code from prose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from splade_cli.corpus.formats.csv_rows import read_csv
from splade_cli.corpus.formats.html.page import read_page
from splade_cli.corpus.formats.json_rows import read_json, read_jsonl
from splade_cli.corpus.formats.markdown.reader import read_markdown
from splade_cli.corpus.formats.pdf import read_pdf
from splade_cli.corpus.formats.plain import read_plain
from splade_cli.corpus.formats.prose import Prose, Unreadable
from splade_cli.corpus.formats.row import RawDocument
from splade_cli.corpus.formats.rst import read_rst

TEXT_READERS: dict[str, Callable[[str], Prose]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".rst": read_rst,
    ".txt": read_plain,
    ".html": read_page,
    ".htm": read_page,
}
BINARY_READERS: dict[str, Callable[[bytes], Prose]] = {".pdf": read_pdf}
LINE_READERS: dict[str, Callable[[Iterable[str | Unreadable]], Iterator[RawDocument | Unreadable]]] = {
    ".jsonl": read_jsonl
}
ROW_READERS: dict[str, Callable[[str], Iterator[RawDocument | Unreadable]]] = {
    ".json": read_json,
    ".jsonl": lambda source: read_jsonl(source.split("\n")),
    ".csv": read_csv,
    ".tsv": lambda source: read_csv(source, "\t"),
}

__all__ = [
    "BINARY_READERS",
    "LINE_READERS",
    "ROW_READERS",
    "TEXT_READERS",
    "Prose",
    "RawDocument",
    "Unreadable",
]
