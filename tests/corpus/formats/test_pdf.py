"""PDF files: their text and title, or why there is none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


def test_pdf(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    document = one(
        tmp_path, "my-file.pdf", make_pdf("The docu-\nmentation of ASCII-\nArt.", "Page two", title="A title")
    )
    assert document.text == "The documentation of ASCII-\nArt.\n\nPage two"
    assert document.title == "A title"
    assert document.metadata == {"path": "my-file.pdf", "pages": 2}
    assert one(tmp_path, "my-file.pdf", make_pdf("x", title="Microsoft Word - x.docx")).title == "my file"


def test_encrypted_pdf(tmp_path: Path, refused: Any, make_pdf: Any) -> None:
    import pypdf

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf("secret")))
    writer.encrypt("password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert refused(tmp_path, "a.pdf", out.getvalue()) == "encrypted PDF"


def test_pdfs_without_text_and_cut_off(tmp_path: Path, refused: Any, make_pdf: Any) -> None:
    assert refused(tmp_path, "a.pdf", make_pdf("")) == "PDF without extractable text (scanned? 1 pages)"
    assert refused(tmp_path, "a.pdf", make_pdf("x")[:300]).startswith("broken PDF (")


def test_ligatures_of_a_pdf_are_letters(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    # In this encoding the bytes 0o336 and 0o337 are the signs for fi and fl.
    page = make_pdf(r"A \336lter \337ask", encoding="MacRomanEncoding")
    assert one(tmp_path, "a.pdf", page).text == "A filter flask"
