"""A file without markup comes in, a text file or a PDF, and its text goes out; looks for no structure in it."""

from __future__ import annotations

import io
import logging
import re
import zlib

from splade_cli.corpus.formats.prose import Prose, Unreadable, squeezed

_TOOL_TITLE = re.compile(
    r"(?i)\s*(?:untitled.*|microsoft word\b.*|.*\.(?:docx?|tex|dvi|indd|pdf|qxd|rtf|odt))?\s*\Z"
)
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


def read_pdf(data: bytes) -> Prose:
    """Text of a PDF, pages parted by blank lines and words joined that a line end had hyphenated."""
    import pypdf
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted PDF")
        pages = [page.extract_text() for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except DependencyError:
        raise Unreadable("encrypted PDF") from None
    except (PyPdfError, NotImplementedError, OSError, zlib.error, *_DAMAGE) as error:
        raise Unreadable(f"broken PDF ({error or type(error).__name__})") from None
    text = squeezed("\n\n".join(page.strip() for page in pages))
    if not text.strip():
        raise Unreadable(f"PDF without extractable text (scanned? {len(pages)} pages)")
    text = re.sub(
        r"(?<=[^\W\d_])[-\u00ad]\n(?=([^\W\d_]))", lambda found: "" if found[1].islower() else "-\n", text
    )
    text = re.sub(r"(?:[ \t]?\.){6,}", " ...", text)
    title = "" if not isinstance(title, str) or _TOOL_TITLE.match(title) else title.strip()
    return Prose(text, title, {"pages": len(pages)})


def read_plain(source: str) -> Prose:
    """A text file as it is."""
    return Prose(source.strip("\n").rstrip())
