"""Pages of a PDF and slides of a presentation: kept through all that a reader does to the text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.chunks import Chunking, split_documents
from splade_cli.corpus.formats.pdf.pages import joined_pages
from splade_cli.corpus.formats.prose import PAGE, without_marks
from splade_cli.records import Document, Pages


def test_pages_of_a_pdf(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    pages = ("It says a", "", "goes on and ends with an exam-", "ple of words.\nMore text is here.", "")
    document = one(tmp_path, "manual.pdf", make_pdf(*pages))
    assert document.text == "It says a\ngoes on and ends with an example of words.\nMore text is here."
    assert document.pages is not None and document.pages.unit == "page"
    numbers = {
        words: document.pages.number_at(document.text.index(words))
        for words in ("It", "goes", "exam", "of w")
    }
    assert numbers == {"It": 1, "goes": 3, "exam": 3, "of w": 4}
    assert len(document.pages.starts) == document.metadata["pages"] == 5
    assert PAGE not in document.text


def test_a_chunk_has_its_first_page_and_no_more(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    pages = ["\n".join(f"Rack {page} holds shelf {line}." for line in range(30)) for page in range(1, 7)]
    document = one(tmp_path, "racks.pdf", make_pdf(*pages))
    chunks = split_documents([document], Chunking(200, 600, 400))
    assert [chunk.metadata["page"] for chunk in chunks] == [int(chunk.text.split()[1]) for chunk in chunks]
    assert set(chunks[0].metadata) == {"path", "pages", "page"}
    assert "page" not in document.metadata


def test_marks_in_a_page_are_no_pages() -> None:
    assert joined_pages([f"one{PAGE}", f"{PAGE}Two"]) == f"{PAGE}one\n\n{PAGE}Two"
    assert without_marks(f"{PAGE}one\r\n\0{PAGE}two", "page") == ("one\ntwo", Pages("page", (0, 4)))
    assert joined_pages(["", ""]) == PAGE * 2


def test_slides(tmp_path: Path, one: Any) -> None:
    pptx = pytest.importorskip("pptx")
    presentation = pptx.Presentation()
    for title in ("First", "Second"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"body of {title}"
    held = io.BytesIO()
    presentation.save(held)
    document = one(tmp_path, "talk.pptx", held.getvalue())
    assert document.pages == Pages("slide", (0, document.text.index("## Second")))
    assert document.metadata_at(len(document.text))["slide"] == 2


def test_a_document_without_pages_has_its_metadata() -> None:
    document = Document("a.md", "text", metadata={"year": 2020})
    assert document.metadata_at(3) is document.metadata
