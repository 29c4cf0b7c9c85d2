"""OpenDocument and EPUB: archives of XML, written by hand, and what is read of them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest


def archive(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return out.getvalue()


ODT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:style="urn:x:style"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:draw="urn:x:draw">
<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Preformatted_20_Text"/>
</office:automatic-styles><office:body><office:text>
<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
<text:p text:style-name="Title">The title</text:p><text:h text:outline-level="2">Part <text:span>one</text:span></text:h>
<text:p>Two<text:s text:c="2"/>blanks<text:line-break/>and a note<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>The note.</text:p></text:note-body></text:note>.</text:p>
<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>deep</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>Key</text:p></table:table-cell><table:table-cell><text:p>Value</text:p></table:table-cell></table:table-row></table:table>
<text:p text:style-name="P1">x = 1</text:p><text:p text:style-name="P1"># no heading</text:p>
<text:p><draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box></draw:frame></text:p>
</office:text></office:body></office:document-content>"""


def test_odt(tmp_path: Path, one: Any) -> None:
    meta = '<m xmlns:dc="http://purl.org/dc/elements/1.1/"><meta><dc:title>Of the file</dc:title></meta></m>'
    document = one(tmp_path, "a.odt", archive(**{"content.xml": ODT, "meta.xml": meta}))
    assert document.title == "Of the file"
    assert document.text == (
        "# The title\n\n## Part one\n\nTwo  blanks\nand a note[^].\n\n[^]: The note.\n\n- one\n  - deep\n- two\n\n"
        "Key | Value\n\n```\nx = 1\n# no heading\n```\n\nIn a box"
    )
    assert one(tmp_path, "a.odt", archive(**{"content.xml": ODT})).title == "The title"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no archive", "broken ODT ("),
        (archive(x="y"), "broken ODT (content.xml is missing)"),
        (archive(**{"content.xml": "<a><b>"}), "broken XML ("),
        (archive(**{"content.xml": "<a/>"}), "no text document in it"),
    ],
)
def test_damaged_odt(tmp_path: Path, data: bytes, reason: str, refused: Any) -> None:
    assert refused(tmp_path, "a.odt", data).startswith(reason)


CONTAINER = '<c xmlns="x"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></c>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>The book</dc:title><dc:creator>Ann</dc:creator><dc:language>en</dc:language></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/>
<item id="i" href="i.png" media-type="image/png"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
BOOK = {
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/nav.xhtml": "<html><body><ol><li>Contents</li></ol></body></html>",
    "OPS/text/one.xhtml": "<html><head><title/></head><body><h1>One</h1><p>Words\u2014here</p></body></html>",
    "OPS/text/two b.xhtml": "<html><body><h1>Two</h1><pre>x = 1</pre></body></html>",
}


def test_epub(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "a.epub", archive(**BOOK))
    assert document.title == "The book"
    assert document.metadata == {"path": "a.epub", "author": "Ann", "language": "en"}
    assert document.text == "# One\n\nWords\u2014here\n\n# Two\n\n```\nx = 1\n```"


def test_damaged_and_encrypted_epub(tmp_path: Path, refused: Any, many: Any, write: Any) -> None:
    assert refused(tmp_path, "a.epub", archive(x="y")) == "broken EPUB (META-INF/container.xml is missing)"
    key = '<e xmlns="x"><EncryptedData><CipherReference URI="OPS/text/one.xhtml"/></EncryptedData></e>'
    assert (
        refused(tmp_path, "a.epub", archive(**BOOK, **{"META-INF/encryption.xml": key})) == "encrypted EPUB"
    )
    from splade_cli.corpus.documents import read_documents

    partly = {name: page for name, page in BOOK.items() if "one" not in name}
    reading = read_documents(write(tmp_path, "b.epub", archive(**partly)))
    assert [each.text for each in reading.documents] == ["# Two\n\n```\nx = 1\n```"]
    assert [each.reason for each in reading.skipped] == ["chapters missing: OPS/text/one.xhtml"]
