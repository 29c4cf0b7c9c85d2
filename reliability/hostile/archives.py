"""Hostile archives: files that unpack to gigabytes, entities that unfold to as much, pages of one sign."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from html import escape

_MEGABYTE = b" " * 1_000_000
_OFFICE = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml", "xlsx": "xl/workbook.xml"}
_CONTAINER = '<c><rootfiles><rootfile full-path="b.opf"/></rootfiles></c>'
_PACKAGE = (
    '<p><metadata/><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/></spine></p>'
)


def archive(files: dict[str, str | bytes]) -> bytes:
    """A ZIP archive of some files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return out.getvalue()


def epub(page: str) -> bytes:
    """A book of one page."""
    return archive({"META-INF/container.xml": _CONTAINER, "b.opf": _PACKAGE, "a.xhtml": page})


def odt(text: str) -> bytes:
    """A document of one paragraph."""
    return archive({"content.xml": f"<d><body><text><p>{escape(text)}</p></text></body></d>"})


def laughs() -> str:
    """Entities that unfold to a billion words."""
    declared = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10))
    return f'<!DOCTYPE a [<!ENTITY a0 "ha">{declared}]>'


def bombs() -> Iterator[tuple[str, bytes]]:
    """Names and bytes of archives that are small, and large when they are unpacked."""
    out = io.BytesIO()
    target = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
    with target, target.open("content.xml", "w") as file:
        for _ in range(2000):
            file.write(_MEGABYTE)
    yield "bomb.odt", out.getvalue()
    for ending, name in _OFFICE.items():
        yield f"bomb.{ending}", out.getvalue()
        yield f"laughs.{ending}", archive({name: f"{laughs()}<a>&a9;</a>"})
        yield f"truncated.{ending}", archive({name: "<a/>"})[:-30]
    yield "laughs.odt", odt("words")[:60]
    yield "truncated.epub", epub("<p>words")[:-30]
    yield "bomb.md.gz", gzip.compress(_MEGABYTE * 300)
    yield "truncated.md.gz", gzip.compress(b"words")[:-5]
    yield "external.xml", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><b>'
    yield "broken.ipynb", b'{"cells": [{'
    yield "none.eml", b"\nwords without a header"
