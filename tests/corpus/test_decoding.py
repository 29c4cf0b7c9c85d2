"""Bytes as text: declared encodings, line ends, byte order marks, and lines that are none."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.documents import Remarked, read_documents
from splade_cli.corpus.encodings import python_codec


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


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfbl\xc3\xa5", "bl\u00e5"),
        ("bl\u00e5".encode("utf-16"), "bl\u00e5"),
        (b"\xfe\xff" + "bl\u00e5".encode("utf-16-be"), "bl\u00e5"),
        ("bl\u00e5".encode("utf-32"), "bl\u00e5"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.html"])
def test_byte_order_marks_tell_the_encoding(
    tmp_path: Path, name: str, data: bytes, text: str, one: Any
) -> None:
    assert one(tmp_path, name, data).text == text


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_rows_with_a_byte_order_mark(tmp_path: Path, codec: str, write: Any) -> None:
    lines = '{"id": "1", "text": "bl\u00e5"}\r\n\n{"id": "2", "text": "y"}'
    reading = read_documents(write(tmp_path, "a.jsonl", lines.encode(codec)))
    assert [(each.id, each.text) for each in reading.documents] == [("1", "bl\u00e5"), ("2", "y")]


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Bl\u00e5b\u00e6r"),
        ("cp1252", "Don\u2019t \u201cquote\u201d \u2013 caf\u00e9"),
        (
            "cp1251",
            "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430? \u042d\u0442\u043e \u0442\u0435\u043a\u0441\u0442.",
        ),
        (
            "cp932",
            "\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002\u3053\u308c\u306f\u30c6\u30b9\u30c8\u3067\u3059\u3002",
        ),
        (
            "gb18030",
            "\u8fd9\u662f\u4e00\u4e2a\u4e2d\u6587\u7684\u6587\u672c\u6587\u4ef6\uff0c\u7528\u6765\u6d4b\u8bd5\u7f16\u7801\u3002",
        ),
    ],
)
def test_an_encoding_that_nothing_tells_is_guessed_and_the_guess_told(
    tmp_path: Path, codec: str, text: str, write: Any
) -> None:
    reading = read_documents(write(tmp_path, "a.txt", text.encode(codec)))
    assert [each.text for each in reading.documents] == [text]
    assert [each.reason for each in reading.skipped] == [f"not UTF-8, read as {codec} by guess"]


def test_a_text_may_declare_its_encoding(tmp_path: Path, one: Any) -> None:
    source = "# -*- coding: iso-8859-2 -*-\n# za\u017c\u00f3\u0142\u0107\n"
    assert one(tmp_path, "a.py", source.encode("iso-8859-2")).text.endswith("za\u017c\u00f3\u0142\u0107")


def test_every_codec_of_the_table_is_known_to_python() -> None:
    for label in ("utf8", "latin1", "x-sjis", "windows-1257", "koi8-ru", "mac", "ks_c_5601-1987", "unicode"):
        codec = python_codec(label)
        assert codec is not None
        codecs.lookup(codec)
    assert python_codec(" ISO-8859-1 ") == "cp1252"
    assert python_codec("no-such") is None


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


def test_a_file_that_is_read_with_a_remark_is_not_called_skipped(tmp_path: Path, capsys: Any) -> None:
    from splade_cli.cli.render import console

    (tmp_path / "old.txt").write_bytes("Ein schöner Tag für Öfen und Türen.".encode("cp1252"))
    (tmp_path / "empty.txt").write_text("")
    reading = read_documents(tmp_path)
    assert [document.id for document in reading.documents] == ["old.txt"]
    assert {each.path: isinstance(each, Remarked) for each in reading.skipped} == {
        "old.txt": True,
        "empty.txt": False,
    }
    console.skipped(reading.skipped)
    said = capsys.readouterr().err
    assert "read old.txt: not UTF-8, read as" in said and "skipped empty.txt: " in said
