"""PDF: the bytes of a document of one page, as its operators say or as they are given."""

from __future__ import annotations

import zlib
from collections.abc import Iterator


def shown(text: str) -> Iterator[bytes]:
    """Operators of a page that show a text, 200 characters at a time."""
    for start in range(0, len(text), 200):
        line = text[start : start + 200].encode("latin-1", "replace")
        for sign, escaped in (
            (b"\\", b"\\\\"),
            (b"(", b"\\("),
            (b")", b"\\)"),
            (b"\r", b"\\r"),
            (b"\n", b"\\n"),
        ):
            line = line.replace(sign, escaped)
        yield b"(" + line + b") Tj T*"


def pdf(operators: bytes, raw: bytes | None = None) -> bytes:
    """A PDF of one page; `raw` is its compressed content as it is."""
    content = raw or zlib.compress(b"BT /F1 12 Tf 14 TL 72 720 Td " + operators + b" ET")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        b"<</Length %d/Filter/FlateDecode>>stream\n" % len(content) + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end
