"""Readers by the format that the name of a file tells: one text, or a document for each row.

Each reader keeps what a person would read (headings, paragraphs, lists, code, table rows) and drops what a
browser would not show. Code stays in ``` fences, so that whoever cuts the text can tell code from prose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from splade_cli.corpus.formats.by_name import UNNAMED
from splade_cli.corpus.formats.code.languages import LANGUAGES
from splade_cli.corpus.formats.code.notebook import read_notebook
from splade_cli.corpus.formats.code.source import reader_of
from splade_cli.corpus.formats.html.page import read_page
from splade_cli.corpus.formats.html.xhtml import read_xhtml
from splade_cli.corpus.formats.mail import read_mail
from splade_cli.corpus.formats.markdown.mdx import read_mdx
from splade_cli.corpus.formats.markdown.reader import read_markdown
from splade_cli.corpus.formats.markup.asciidoc import read_asciidoc
from splade_cli.corpus.formats.markup.org import read_org
from splade_cli.corpus.formats.markup.rst import read_rst
from splade_cli.corpus.formats.markup.tex import read_tex
from splade_cli.corpus.formats.markup.xml import read_xml
from splade_cli.corpus.formats.office.docx import read_docx
from splade_cli.corpus.formats.office.epub import read_epub
from splade_cli.corpus.formats.office.odt import read_odt
from splade_cli.corpus.formats.office.pptx import read_pptx
from splade_cli.corpus.formats.office.xlsx import read_xlsx
from splade_cli.corpus.formats.pdf.reader import read_pdf
from splade_cli.corpus.formats.plain import read_plain, read_unnamed
from splade_cli.corpus.formats.prose import Prose, Unreadable
from splade_cli.corpus.formats.rows.csv_rows import read_csv
from splade_cli.corpus.formats.rows.json_rows import read_json, read_jsonl
from splade_cli.corpus.formats.rows.row import RawDocument
from splade_cli.corpus.formats.subtitles import read_subtitles

TEXT_READERS: dict[str, Callable[[str], Prose]] = {
    UNNAMED: read_unnamed,
    ".txt": read_plain,
    ".text": read_plain,
    ".log": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".mdx": read_mdx,
    ".rst": read_rst,
    ".adoc": read_asciidoc,
    ".asciidoc": read_asciidoc,
    ".org": read_org,
    ".tex": read_tex,
    ".html": read_page,
    ".htm": read_page,
    ".xhtml": read_xhtml,
    ".xml": read_xml,
    ".ipynb": read_notebook,
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    **{ending: reader_of(language) for ending, language in LANGUAGES.items()},
}
MARKUP_ENDINGS = frozenset({".html", ".htm", ".xhtml", ".xml"})
"""Formats whose files say in which encoding they are."""
BINARY_READERS: dict[str, Callable[[bytes], Prose]] = {
    ".pdf": read_pdf,
    ".eml": read_mail,
    ".docx": read_docx,
    ".pptx": read_pptx,
    ".odt": read_odt,
    ".epub": read_epub,
}
WORKBOOK_READERS: dict[str, Callable[[bytes], Iterator[RawDocument | Unreadable]]] = {".xlsx": read_xlsx}
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
    "MARKUP_ENDINGS",
    "ROW_READERS",
    "TEXT_READERS",
    "WORKBOOK_READERS",
    "Prose",
    "RawDocument",
    "Unreadable",
]
