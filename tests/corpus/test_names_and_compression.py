"""Files whose names have no ending, and files that are to be unpacked."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.documents import read_documents
from splade_cli.corpus.formats.by_name import format_of
from splade_cli.corpus.options import ReadingOptions


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.MD", ".md"), ("a.md.gz", ".md"), ("A.MD.GZ", ".md"), ("README", ""), ("README.gz", ""),
        ("LICENSE-MIT", ""), ("COPYING3", ""), ("RELEASE_NOTES", ""), ("readme", ""), ("Makefile", ".mk"),
        ("something", None), ("notes", None), ("a.tar.gz", ".tar"), (".gz", None),
    ],
)  # fmt: skip
def test_formats_by_name(name: str, ending: str | None) -> None:
    assert format_of(Path(name)) == ending


@pytest.mark.parametrize(
    ("source", "title", "text"),
    [
        ("# Title\n\nwords `x`", "Title", "# Title\n\nwords x"),
        ("Title\n=====\n\n.. note:: Look\n\n``x``", "Title", "# Title\n\nNote: Look\n\nx"),
        ("Words *as* they `are`", "README", "Words *as* they `are`"),
    ],
)
def test_a_readme_is_read_as_it_looks(tmp_path: Path, source: str, title: str, text: str, one: Any) -> None:
    document = one(tmp_path, "README", source)
    assert (document.title, document.text) == (title, text)


def test_compressed_files(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "my_page.md.gz", gzip.compress(b"words *here*") + gzip.compress(b" and there"))
    write(tmp_path, "rows.jsonl.gz", gzip.compress(b'{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n'))
    reading = read_documents(tmp_path)
    assert [(each.id, each.title, each.text) for each in reading.documents] == [
        ("my_page.md.gz", "my page", "words here and there"), ("a", "", "x"), ("b", "", "y"),
    ]  # fmt: skip
    assert not reading.skipped


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        # With the time of day in the file, each process of pytest-xdist would name the case differently.
        ("a.md.gz", gzip.compress(b"words", mtime=0)[:-9], "broken gzip (it ends too early)"),
        ("a.md.gz", b"words", "broken gzip ("),
        ("a.md.gz", gzip.compress(b"x" * 3_000_000, mtime=0), "more than 2.0 MB when it is unpacked"),
        ("a.tar.gz", b"x", "ending .tar.gz is not supported"),
        ("a.md.gz", gzip.compress(b"", mtime=0), "empty file"),
    ],
)
def test_what_cannot_be_unpacked(tmp_path: Path, name: str, data: bytes, reason: str, write: Any) -> None:
    write(tmp_path, "good.txt", "good")
    write(tmp_path, name, data)
    reading = read_documents(tmp_path, ReadingOptions(max_file_size=2))
    assert [each.text for each in reading.documents] == ["good"]
    assert reading.skipped[0].reason.startswith(reason)
