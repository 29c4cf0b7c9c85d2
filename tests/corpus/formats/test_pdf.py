"""PDF files: their text and title, or why there is none."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

from reliability.hostile.pdf import pdf
from splade_cli.corpus.formats.pdf.columns import in_columns
from splade_cli.corpus.formats.pdf.pages import joined_pages
from splade_cli.corpus.formats.prose import PAGE


def test_pdf(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    document = one(
        tmp_path, "my-file.pdf", make_pdf("The docu-\nmentation of ASCII-\nArt.", "Page two", title="A title")
    )
    assert document.text == "The documentation of ASCII-\nArt.\n\nPage two"
    assert document.title == "A title"
    assert document.metadata == {"path": "my-file.pdf", "pages": 2}
    assert one(tmp_path, "my-file.pdf", make_pdf("x", title="Microsoft Word - x.docx")).title == "my file"


def test_a_long_pdf_with_a_sign_in_a_line_is_one_run_of_words(
    tmp_path: Path, one: Any, make_pdf: Any
) -> None:
    drawn = "\n".join(["a", "bc"] * 12_000)
    assert one(tmp_path, "a.pdf", make_pdf(drawn)).text == " ".join(["a", "bc"] * 12_000)
    assert one(tmp_path, "b.pdf", make_pdf("a\nbc")).text == "a\nbc"


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


def test_running_heads_and_page_numbers_are_no_text(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    pages = []
    for number in range(1, 6):
        body = "\n".join(f"Sentence {word} of page {number}." for word in ("one", "two", "three"))
        pages.append(f"Acme Manual\n{body}\nThe 4 seasons\n{number}")
    text = one(tmp_path, "a.pdf", make_pdf(*pages)).text
    assert text.count("Acme Manual") == 1
    assert text.split("\n\n")[1] == (
        "Sentence one of page 2.\nSentence two of page 2.\nSentence three of page 2."
    )


def test_a_number_that_does_not_count_the_pages_stays(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    pages = [
        f"Page of words {word}\nmore\nand more\nso it is\n{number}" for word, number in (("a", 7), ("b", 3))
    ]
    text = one(tmp_path, "a.pdf", make_pdf(*pages)).text
    assert "\n7" in text and text.endswith("\n3")


def test_numbers_beside_the_name_of_a_chapter() -> None:
    pages = [
        "Rivers\nThey flow: rivers.\nDown.\nTo the sea.\nAlways.",
        "Chapter 1: Rivers 2\nAnd on they go.\nDown.\nChapter 1: is here.\nx",
        "Chapter 1: Rivers 3\nand further.\nDown.\nTo all seas.\ny",
    ]
    assert joined_pages(pages).replace(PAGE, "") == (
        "Rivers\nThey flow: rivers.\nDown.\nTo the sea.\nAlways.\n\n"
        "And on they go.\nDown.\nChapter 1: is here.\nx\nand further.\nDown.\nTo all seas.\ny"
    )


def test_words_and_sentences_go_on_over_the_end_of_a_page(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    document = one(tmp_path, "a.pdf", make_pdf("The docu-", "mentation goes", "on here.", "Then it ends."))
    assert document.text == "The documentation goes\non here.\n\nThen it ends."


def test_soft_hyphens_are_gone(tmp_path: Path, one: Any, make_pdf: Any) -> None:
    page = make_pdf(r"A docu\255men\255", "tation.")
    assert one(tmp_path, "a.pdf", page).text == "A documentation."


LEFT = ["the first column begins with a", "sentence that goes on for lines", "and more words come below it",
        "until the column has its end", "here and a new sentence starts", "in the middle of the line so",
        "that the reader can follow it", "down to the bottom of all"]  # fmt: skip
RIGHT = ["The second column is another", "text that has its own words", "which must not be mixed with",
         "those on the left of the page", "but come behind all of them", "as a reader would read them",
         "one line after the other now", "until the end of the page"]  # fmt: skip


def test_columns_are_put_below_each_other_where_lines_run_across_them() -> None:
    text = "\n".join(["A title over both of the columns", *map(" ".join, zip(LEFT, RIGHT, strict=True))])
    layout = ["     A title over both of the columns that is long"]
    layout += [f"{one:<36}{other}" for one, other in zip(LEFT, RIGHT, strict=True)]
    below = "\n".join(["A title over both of the columns that is long", *LEFT, *RIGHT])
    assert in_columns(text, "\n".join(layout)) == below
    in_order = "\n".join([*LEFT, *RIGHT])
    assert in_columns(in_order, "\n".join(layout)) == in_order


def test_columns_that_a_file_draws_line_by_line(tmp_path: Path, one: Any) -> None:
    lines = []
    for number, pair in enumerate(zip(LEFT, RIGHT, strict=True)):
        for x, words in zip((72, 320), pair, strict=True):
            lines.append(f"BT /F1 10 Tf 1 0 0 1 {x} {700 - 14 * number} Tm ({words}) Tj ET")
    page = pdf(b"", raw=zlib.compress("\n".join(lines).encode()))
    assert one(tmp_path, "a.pdf", page).text == "\n".join([*LEFT, *RIGHT])


def test_a_table_is_no_page_of_columns() -> None:
    rows = [f"Key {number}   {'x':<20}value {number}" for number in range(20)]
    assert in_columns("\n".join(rows), "\n".join(rows)) == "\n".join(rows)
