"""Word, PowerPoint and Excel: files that their libraries write, and what is read of them."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.documents import read_documents
from splade_cli.corpus.formats import BINARY_READERS, WORKBOOK_READERS, Unreadable

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def word() -> Any:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.core_properties.author = "Ann"
    document.core_properties.title = ""
    document.add_heading("The document", 0)
    document.add_heading("One", 1)
    document.add_paragraph("Words ").add_run("in bold").bold = True
    for text in ("first", "second"):
        document.add_paragraph(text, style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate([("Key", "Value"), ("port", "80")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.add_paragraph("After")
    return document


def with_xml(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """An archive in which a text of one of its files is replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for file in source.infolist():
            content = source.read(file)
            if file.filename == name:
                assert old in content
                content = content.replace(old, new, 1)
            target.writestr(file.filename, content)
    return out.getvalue()


def test_docx(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "a.docx", saved(word()))
    assert document.title == "The document"
    assert document.metadata == {"path": "a.docx", "author": "Ann"}
    assert document.text == (
        "# The document\n\n# One\n\nWords in bold\n\n- first\n- second\n\nKey | Value\nport | 80\n\nAfter"
    )


def test_docx_keeps_insertions_controls_and_text_boxes_and_drops_what_is_deleted() -> None:
    body = (
        b"<w:sdt><w:sdtContent><w:p><w:r><w:t>In a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        b"<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        b"<w:r><w:tab/><w:t>tabbed</w:t><w:br/><w:t>below</w:t></w:r></w:p>"
        b"<w:p><w:r><w:t>Around</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>In a box</w:t></w:r></w:p>"
        b"</w:txbxContent></w:pict></w:r></w:p><w:sectPr"
    )
    data = with_xml(saved(word()), "word/document.xml", b"<w:sectPr", body)
    text = BINARY_READERS[".docx"](data).text
    assert text.endswith("After\n\nIn a control\n\ninserted\ttabbed\nbelow\n\nAround\n\nIn a box")


def test_docx_code_is_fenced() -> None:
    document = word()
    style = document.styles.add_style("Source Code", 1)
    for line in ("x = 1", "# no heading"):
        document.add_paragraph(line, style=style)
    assert BINARY_READERS[".docx"](saved(document)).text.endswith("After\n\n```\nx = 1\n# no heading\n```")


def test_pptx(tmp_path: Path, one: Any) -> None:
    pptx = pytest.importorskip("pptx")
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Slide one"
    frame = slide.placeholders[1].text_frame
    frame.text = "first"
    deeper = frame.add_paragraph()
    deeper.text = "second"
    deeper.level = 1
    slide.notes_slide.notes_text_frame.text = "Say it"
    other = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = other.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for row, cells in enumerate([("Key", "Value"), ("port", "80")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document = one(tmp_path, "a.pptx", saved(presentation))
    assert (document.title, document.metadata["slides"]) == ("Slide one", 2)
    assert document.text == (
        "## Slide one\n\n- first\n  - second\n\nNotes: Say it\n\n## Slide 2\n\nKey | Value\nport | 80"
    )


def workbook() -> Any:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Parts"
    for row in (["id", "name", "price", "since"], [1, "Chair", 10.5, None], [2, "Table", 20.0, None]):
        sheet.append(row)
    return book


def test_xlsx(tmp_path: Path, write: Any) -> None:
    import datetime

    book = workbook()
    book["Parts"]["D2"] = datetime.datetime(2024, 5, 1)
    texts = book.create_sheet("Texts")
    texts.append(["Title", "Text"])
    texts.append(["T", "Some words"])
    book.create_sheet("Empty")
    hidden = book.create_sheet("Hidden")
    hidden.append(["x", "y"])
    hidden.sheet_state = "hidden"
    reading = read_documents(write(tmp_path, "a.xlsx", saved(book)))
    assert [(each.id, each.title, each.text) for each in reading.documents] == [
        ("1", "", "id: 1\nname: Chair\nprice: 10.5\nsince: 2024-05-01"),
        ("2", "", "id: 2\nname: Table\nprice: 20"),
        ("a.xlsx#3", "T", "Some words"),
    ]
    assert [each.metadata["sheet"] for each in reading.documents] == ["Parts", "Parts", "Texts"]
    assert [each.reason for each in reading.skipped] == ["hidden sheets not read: 1"]


@pytest.mark.parametrize("ending", [".docx", ".pptx", ".xlsx"])
def test_an_office_file_is_skipped_without_the_extra(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = {".docx": "docx", ".pptx": "pptx", ".xlsx": "openpyxl"}[ending]
    package = module if module == "openpyxl" else f"python-{module}"
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unreadable, match=rf"needs {package} \(pip install 'splade-cli\[documents\]'\)"):
        list({**BINARY_READERS, **WORKBOOK_READERS}[ending](b""))  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".docx", ".pptx", ".xlsx"])
def test_damaged_office_files_are_skipped(tmp_path: Path, ending: str, refused: Any) -> None:
    pytest.importorskip({".docx": "docx", ".pptx": "pptx", ".xlsx": "openpyxl"}[ending])
    name = ending[1:].upper()
    assert refused(tmp_path, f"a{ending}", b"no archive").startswith(f"broken {name} (")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    assert refused(tmp_path, f"a{ending}", empty.getvalue()).startswith(f"broken {name} (")
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert refused(tmp_path, f"a{ending}", old) == f"encrypted {name}, or one of the formats before it"


def test_entities_in_an_office_file_are_refused(tmp_path: Path, refused: Any) -> None:
    laughs = b"?><!DOCTYPE a [<!ENTITY b '" + b"ha" * 100 + b"'>]>"
    data = with_xml(saved(word()), "word/document.xml", b"?>", laughs)
    assert refused(tmp_path, "a.docx", data) == "DOCX with declarations of entities in it"


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path, refused: Any) -> None:
    out = io.BytesIO()
    archive = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("word/document.xml", "w") as file:
        for _ in range(21):
            file.write(b" " * 10_000_000)
    pytest.importorskip("docx")
    reason = refused(tmp_path, "a.docx", out.getvalue())
    assert reason == "DOCX that unpacks to more text than any document has"
