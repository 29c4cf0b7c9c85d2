"""Bytes as text: declared encodings, line ends, byte order marks, and lines that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.documents import read_documents


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("iso-8859-1", b"Don\x92t \x96 ever", "Don\u2019t \u2013 ever"),
        ("iso-8859-1", b"\x81", "\x81"),
        ("us-ascii", b"\x80 5", "\u20ac 5"),
        ("gb2312", "\u9555".encode("gbk"), "\u9555"),
        ("shift_jis", "\u2460".encode("cp932"), "\u2460"),
        ("utf-8", "bl\u00e5".encode(), "bl\u00e5"),
        ("iso-8859-1", "bl\u00e5".encode("latin-1"), "bl\u00e5"),
        ("no-such", "bl\u00e5".encode(), "bl\u00e5"),
    ],
)
def test_labels_of_encodings_mean_what_browsers_take_them_for(
    tmp_path: Path, label: str, data: bytes, text: str, one: Any
) -> None:
    source = f'<meta charset="{label}"><p>'.encode() + data
    assert one(tmp_path, "a.html", source).text == text


def test_html_in_its_declared_encoding(tmp_path: Path, one: Any) -> None:
    source = '<meta charset="iso-8859-1"><p>Blåbærsyltetøy</p>'.encode("latin-1")
    assert one(tmp_path, "a.html", source).text == "Blåbærsyltetøy"


JSONL = (
    '{"id": "1", "text": "bl\u00e5b\u00e6r"}\n\n{"id": "2", "text": "two \u2028 \u0085 lines"}\n'
    '{"id": "3", "text": "x"}'
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n \n"])
def test_line_ends_and_byte_order_marks(end: str, bom: bytes, last: str, tmp_path: Path, write: Any) -> None:
    path = write(tmp_path, "a.jsonl", bom + (JSONL + last).replace("\n", end).encode())
    reading = read_documents(path)
    assert [(each.id, each.text) for each in reading.documents] == [
        ("1", "bl\u00e5b\u00e6r"), ("2", "two \u2028 \u0085 lines"), ("3", "x"),
    ]  # fmt: skip
    assert reading.skipped == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"text": "bl\xe5"}', "not UTF-8 (byte 12; convert it: iconv -t utf-8)"),
        (b'{"text": "\x00"}', "binary, not text (it has NUL bytes)"),
    ],
)
def test_a_line_of_a_jsonl_file_that_is_no_text(bad: bytes, reason: str, tmp_path: Path, write: Any) -> None:
    before = JSONL.encode() + b"\n"
    reading = read_documents(write(tmp_path, "a.jsonl", before + bad + b'\n{"id": "4", "text": "y"}\n'))
    assert [each.id for each in reading.documents][:3] == ["1", "2", "3"]
    (skipped,) = reading.skipped
    assert skipped.path == "a.jsonl"
    assert skipped.reason == f"row 4: {reason}"


@pytest.mark.parametrize("bad", [b'{"text": "bl\xe5"}', b'{"text": "\x00"}'])
def test_a_line_that_is_no_text_does_not_stop_those_after_it(bad: bytes, tmp_path: Path, write: Any) -> None:
    reading = read_documents(
        write(tmp_path, "a.jsonl", b'{"id": "1", "text": "x"}\n' + bad + b'\n{"id": "3", "text": "y"}')
    )
    assert [each.id for each in reading.documents] == ["1", "3"]
