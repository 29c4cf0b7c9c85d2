"""Documents of files and folders: their ids, and every reason for what is left out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.corpus.documents import LONGEST_ID, Skipped, iterate_documents, read_documents
from splade_cli.corpus.formats.prose import LONGEST_TITLE, short_title
from splade_cli.corpus.options import ReadingOptions
from splade_cli.errors import InputError
from splade_cli.records import Document

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def test_text_is_kept_as_it_is(tmp_path: Path, one: Any) -> None:
    document = one(tmp_path, "read-me_first.txt", "\ufeff  indented\r\nline  two\r\n\r\n\r\n# x *y* <b>\r\n")
    assert document.text == "  indented\nline  two\n\n\n# x *y* <b>"
    assert document.title == "read me first"


def test_ids_are_unique_and_nothing_is_dropped(tmp_path: Path, write: Any) -> None:
    rows = [
        {"id": "x", "text": "1"},
        {"id": "x", "text": "2"},
        {"id": "b.txt", "text": "3"},
        {"id": "a.json#2", "text": "4"},
    ]
    write(tmp_path, "a.json", json.dumps(rows))
    write(tmp_path, "b.txt", "5")
    write(tmp_path, "c.jsonl", '{"id": "x", "text": "6"}')
    reading = read_documents(tmp_path)
    documents = reading.documents
    assert [each.id for each in documents] == ["x", "a.json#2", "b.txt", "a.json#4", "b.txt-2", "c.jsonl#1"]
    assert [each.text for each in documents] == list("123456")
    said = "ids that other rows had before give way to file and number"
    told = [(each.path, each.reason) for each in reading.skipped]
    assert told == [("a.json", f"{said} (2, such as 'x')"), ("c.jsonl", f"{said} (1, such as 'x')")]


@given(
    st.lists(st.sampled_from(["", "x", "a.json#1", "a.json#2", "a.json#2-2", "x-2"]), min_size=1, max_size=9)
)
@settings(max_examples=50, deadline=None)
def test_ids_are_unique_whatever_the_rows_say(
    tmp_path_factory: pytest.TempPathFactory, many: Any, own: list[str]
) -> None:
    rows = [{"id": each, "text": str(number)} for number, each in enumerate(own)]
    documents = many(tmp_path_factory.mktemp("ids"), "a.json", rows).documents
    assert [each.text for each in documents] == [row["text"] for row in rows]
    assert len({each.id for each in documents}) == len(rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.md", "---\ntitle: {title}\n---\n\nwords"),
        ("a.html", "<title>{title}</title><p>words"),
        ("a.rst", "{title}\n{underline}\n\nwords"),
        ("a.json", '[{{"title": "{title}", "text": "words"}}]'),
        ("a.jsonl", '{{"title": "{title}", "text": "words"}}'),
        ("a.csv", "title,text\n{title},words\n"),
    ],
)
def test_a_title_stands_before_each_chunk_and_so_is_cut(
    tmp_path: Path, write: Any, name: str, content: str
) -> None:
    title = "Word " * 199 + "Word"
    reading = read_documents(write(tmp_path, name, content.format(title=title, underline="=" * len(title))))
    (document,) = reading.documents
    assert document.title == " ".join(["Word"] * 100)
    (skipped,) = reading.skipped
    assert skipped.path == name
    assert skipped.reason.startswith("title of 999 characters, cut to 499 (")


def test_a_title_is_cut_behind_a_word_where_there_is_one() -> None:
    assert short_title("x" * LONGEST_TITLE) == "x" * LONGEST_TITLE
    assert short_title("x" * 10_000) == "x" * LONGEST_TITLE
    assert short_title("x" * LONGEST_TITLE + " y") == "x" * LONGEST_TITLE
    assert short_title("a " + "x" * 10_000) == "a " + "x" * (LONGEST_TITLE - 2)


def test_an_id_stands_in_those_of_all_chunks_and_so_is_not_kept_if_it_is_long(
    tmp_path: Path, many: Any
) -> None:
    rows = [{"id": "x" * LONGEST_ID, "text": "1"}, {"id": "y" * (LONGEST_ID + 1), "text": "2"}]
    reading = many(tmp_path, "a.json", rows)
    assert [each.id for each in reading.documents] == ["x" * LONGEST_ID, "a.json#2"]
    assert [each.reason for each in reading.skipped] == ["id of 1,001 characters, not kept (a.json#2)"]


def test_max_documents(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "a.json", '["1", "2", "3"]')
    write(tmp_path, "b.txt", "4")
    assert [each.text for each in read_documents(tmp_path, max_documents=2).documents] == ["1", "2"]
    assert len(read_documents(tmp_path, max_documents=9).documents) == 4
    with pytest.raises(InputError, match="max_documents must be above 0, got 0"):
        read_documents(tmp_path, max_documents=0)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.png", b"x", "ending .png is not supported"),
        ("something", b"x", "has no ending that tells its format"),
        ("a.txt", b"", "empty file"),
        ("a.md", b" \n ", "empty file"),
        ("a.md", b"<!-- only a comment -->", "no text in it"),
        ("a.html", b"<html><body></body></html>", "no text in it"),
        ("a.txt", b"\xff\xfew\0o", "marked as UTF-16-LE, and is not (byte 4)"),
        ("a.md", b"\x00\x01\x02", "binary, not text (it has NUL bytes)"),
        ("a.json", b"[]", "an empty list"),
        ("a.json", b"3", "JSON int, not a list of documents"),
        ("a.json", b'{"a": 1, "b": [2]}', "no list of documents in it (keys: a, b)"),
        ("a.csv", b"text,id\n", "no rows below the header"),
        ("a.csv", b"text,id\n,7\n", "row 1: empty text (keys: id)"),
    ],
)
def test_skipped_with_a_reason(
    tmp_path: Path, name: str, content: bytes, reason: str, refused: Any, make_pdf: Any
) -> None:
    assert refused(tmp_path, name, content) == reason


@pytest.mark.parametrize(
    ("name", "content", "opening"),
    [
        ("a.json", b'{"a": ', "broken JSON (Expecting value"),
        ("a.json", b"[" * 100_000, "broken JSON ("),
        ("a.pdf", b"%PDF-1.4 broken", "broken PDF ("),
        ("a.pdf", b"no pdf at all", "broken PDF ("),
    ],
)
def test_skipped_as_broken(
    tmp_path: Path, name: str, content: bytes, opening: str, refused: Any, make_pdf: Any
) -> None:
    assert refused(tmp_path, name, content).startswith(opening)


def test_only_files_of_the_extensions_that_are_asked_for(tmp_path: Path, write: Any) -> None:
    for name in ("a.md", "b.TXT", "c.html", "d.html", "e", "sub/f.md"):
        write(tmp_path, name, f"Text of {name}")
    reading = read_documents(tmp_path, ReadingOptions(extensions=("MD", ".txt")))
    assert [document.id for document in reading.documents] == ["a.md", "b.TXT", "sub/f.md"]
    assert reading.skipped == [Skipped("3 files", "not .md, .txt (.html 2, no ending 1)")]
    assert not read_documents(tmp_path, ReadingOptions(extensions=("*.md", "txt", "html"))).skipped[1:]
    assert read_documents(tmp_path / "c.html", ReadingOptions(extensions=(".md",))).documents
    with pytest.raises(InputError, match="ends in '.doc' can be read"):
        read_documents(tmp_path, ReadingOptions(extensions=(".md", "doc")))
    with pytest.raises(InputError, match=r"no documents in .*6 files: not \.pdf"):
        read_documents(tmp_path, ReadingOptions(extensions=("pdf",)))


def test_unreadable_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    write(tmp_path, "good.txt", "good")
    write(tmp_path, "locked.txt", "x")
    write(tmp_path, "shut/in.txt", "x")
    open_file, scandir = os.open, os.scandir

    def read(path: Path, flags: int) -> int:
        if Path(path).name == "locked.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, flags)

    def scan(path: Path) -> object:
        if path.name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "open", read)
    monkeypatch.setattr(os, "scandir", scan)
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["good.txt"]
    assert {each.path: each.reason for each in reading.skipped} == {
        "locked.txt": "cannot be read (permission denied)",
        "shut": "folder cannot be read (permission denied)",
    }


def test_errors(tmp_path: Path, write: Any) -> None:
    with pytest.raises(InputError, match="no such file or folder") as caught:
        read_documents(tmp_path / "missing")
    assert ".md" in caught.value.hint
    with pytest.raises(InputError, match=re.escape("ending .doc is not supported")) as caught:
        read_documents(write(tmp_path, "a.doc", "x"))
    assert ".pdf" in caught.value.hint
    with pytest.raises(InputError, match="1 file seen; e.md: empty file") as caught:
        read_documents(write(tmp_path, "e.md", ""))
    assert caught.value.hint.startswith("supported endings: .adoc .asciidoc .csv .docx .eml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no documents in .*0 files seen") as caught:
        read_documents(tmp_path / "empty")
    assert caught.value.hint == "there is no file in it: put documents there"
    for number in range(5):
        write(tmp_path, f"bad/{number}.png", "x")
    with pytest.raises(InputError, match="5 files seen; 0.png: ending .png is not supported; .*; and 2 more"):
        read_documents(tmp_path / "bad")


def test_a_file_is_opened_when_its_turn_comes(tmp_path: Path, write: Any) -> None:
    for name in ("a.txt", "b.txt", "c.jsonl"):
        write(tmp_path, name, '{"text": "x"}')
    found = iterate_documents(tmp_path)
    first = next(found)
    assert isinstance(first, Document) and first.id == "a.txt"
    (tmp_path / "b.txt").unlink()
    write(tmp_path, "c.jsonl", '{"id": "changed", "text": "y"}')
    skipped, last = found
    assert skipped == Skipped("b.txt", "cannot be read (no such file or directory)")
    assert isinstance(last, Document) and (last.id, last.text) == ("changed", "y")


def test_a_jsonl_file_is_read_line_by_line(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path, "a.jsonl", '{"id": "1", "text": "one"}\n{"id": "2", "text": "two"}\n')
    found = iterate_documents(path)
    first = next(found)
    assert isinstance(first, Document) and first.id == "1"
    with open(path, "a") as out:
        out.write('{"id": "3", "text": "three"}\n')
    assert [each.id for each in found if isinstance(each, Document)] == ["2", "3"]


def test_a_long_jsonl_file_is_not_held_in_memory(tmp_path: Path, write: Any) -> None:
    import tracemalloc

    line = json.dumps({"text": "word " * 10_000})
    path = write(tmp_path, "a.jsonl", "\n".join([line] * 200))
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in iterate_documents(path)) == 200
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_what_is_read_one_at_a_time_is_what_is_read_at_once(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "a.jsonl", '{"id": "x", "text": "1"}\n3\n\n{"id": "x", "text": "2"}\n{"n": 1}\n')
    write(tmp_path, "b.png", b"x")
    write(tmp_path, "c.md", "# T\n\ntext")
    write(tmp_path, "d.json", '["3", ""]')
    (tmp_path / "dead.txt").symlink_to("nowhere.txt")
    reading, found = read_documents(tmp_path), list(iterate_documents(tmp_path))
    assert [each for each in found if isinstance(each, Document)] == reading.documents
    assert [each for each in found if isinstance(each, Skipped)] == reading.skipped
    assert [each.id for each in reading.documents] == ["x", "a.jsonl#3", "c.md", "d.json#1"]
    told = ["dead.txt", "a.jsonl", "a.jsonl", "a.jsonl", "b.png", "d.json"]
    assert [each.path for each in reading.skipped] == told


def test_that_there_was_nothing_is_told_at_the_end(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "a.png", b"x")
    found = iterate_documents(tmp_path)
    assert next(found) == Skipped("a.png", "ending .png is not supported")
    with pytest.raises(InputError, match="no documents in .*1 file seen; a.png"):
        next(found)


@pytest.mark.parametrize(("folder", "least"), [("docs-fastapi", 150), ("docs-debian-handbook/en-US", 120)])
def test_real_documentation(folder: str, least: int) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"{folder} is not on this machine")
    reading = read_documents(DATA / folder)
    assert len(reading.documents) >= least
    assert len({each.id for each in reading.documents}) == len(reading.documents)
    for document in reading.documents:
        assert document.title
        assert not document.title.startswith("#")
        outside = re.sub(r"(?ms)^ *(`{3,}).*?^ *\1$", "", document.text)
        assert not re.search(r"(?m)^/{3}|\{ #|^\{\*|</(?:div|span|font|p)>|\]\(http", outside), document.id
        source = (DATA / folder / document.metadata["path"]).read_text(encoding="utf-8")
        # Front matter, addresses, tags, attributes and the lines that open admonitions or code are no text.
        shown = re.sub(r"\A---\n.*?^---$", " ", source, flags=re.DOTALL | re.MULTILINE)
        shown = re.sub(r"\]\([^)\n]*\)|<[^>\n]*>|\{[^}\n]*\}|(?m:^ *(?:/|`{3}).*$)", " ", shown)
        lost = set(re.findall(r"[a-z]{4,}", shown)) - set(re.findall(r"[a-z]{4,}", document.text))
        assert len(lost) <= 2, (document.id, lost)
