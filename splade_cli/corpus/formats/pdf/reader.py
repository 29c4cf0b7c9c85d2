"""PDF: the text of its pages, and the title that the file names."""

from __future__ import annotations

import io
import logging
import re
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from splade_cli.corpus.formats.pdf.columns import in_columns, may_be_columns
from splade_cli.corpus.formats.pdf.pages import joined_pages
from splade_cli.corpus.formats.pieces import is_ladder
from splade_cli.corpus.formats.prose import PAGE, Prose, Unreadable, squeezed, without_marks

if TYPE_CHECKING:
    from pypdf import PageObject

_TOOL_TITLE = re.compile(
    r"(?i)(?:untitled.*|microsoft word\b.*|.*\.(?:docx?|tex|dvi|indd|pdf|qxd|rtf|odt))?\Z"
)
_HYPHEN_AT_LINE_END = re.compile(r"(?<=[^\W\d_])[-\u2010][ \t]*\n(?=([^\W\d_]))")
# It shows only where a line ends in it.
# Characters in a line of a PDF whose signs are drawn one by one, each a line of its own.
_A_SIGN = 3
_SOFT_HYPHEN = re.compile(r"\u00ad(?:[ \t]*\n(?=\w))?")
_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}
_LOOKED_AT = 10  # pages whose layout is looked at before a document is taken for one without columns
_LEADER_DOTS = re.compile(r"(?:[ \t]?\.){6,}")
# What pypdf lets through on damaged files, beside its own errors.
_DAMAGE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)


def _texts_of(pages: Iterable[PageObject]) -> list[str]:
    """The words of each page, its columns one below the other."""
    texts = []
    looked_at = 0
    has_columns = False
    for page in pages:
        text = page.extract_text()
        if may_be_columns(text) and (has_columns or looked_at < _LOOKED_AT):
            looked_at += 1
            below = in_columns(text, _layout_of(page))
            has_columns = has_columns or below != text
            text = below
        texts.append(text)
    return texts


def _layout_of(page: PageObject) -> str:
    try:
        return page.extract_text(extraction_mode="layout")
    except _DAMAGE:
        return ""  # the layout asks more of a page than its words do


def read_pdf(data: bytes) -> Prose:
    """Text of a PDF: ligatures as letters, words joined that a line end had hyphenated, no running heads."""
    import pypdf
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted PDF")
        pages = _texts_of(reader.pages)
        title = getattr(reader.metadata, "title", None)
    except DependencyError:
        raise Unreadable("encrypted PDF") from None
    except (PyPdfError, NotImplementedError, OSError, zlib.error, *_DAMAGE) as error:
        raise Unreadable(f"broken PDF ({str(error)[:200] or type(error).__name__})") from None
    text = squeezed(joined_pages(pages))
    if not text.replace(PAGE, "").strip():
        raise Unreadable(f"PDF without extractable text (scanned? {len(pages)} pages)")
    text = text.translate(_LIGATURES)
    text = _SOFT_HYPHEN.sub("", text)
    text = _HYPHEN_AT_LINE_END.sub(lambda break_: "" if break_[1].islower() else "-\n", text)
    text = _LEADER_DOTS.sub(" ...", text)
    if is_ladder(text, _A_SIGN):
        text = " ".join(text.split())
    title = " ".join(title.split()) if isinstance(title, str) else ""
    if _TOOL_TITLE.match(title):
        title = ""
    text, pages_of_text = without_marks(text, "page")
    return Prose(text, title, {"pages": len(pages)}, pages=pages_of_text)
