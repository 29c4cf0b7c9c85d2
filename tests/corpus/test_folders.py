"""Folders: every file once and in order, whatever links lead to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.decoding import open_regular
from splade_cli.corpus.documents import read_documents
from splade_cli.corpus.formats import Unreadable
from splade_cli.corpus.options import ReadingOptions
from splade_cli.errors import InputError


def test_folder_is_read_in_order_without_hidden_files(tmp_path: Path, write: Any) -> None:
    for name in ("b.txt", "a/z.md", "a/b/c.txt", ".hidden/x.txt", ".x.txt", "B.TXT"):
        write(tmp_path, f"docs/{name}", name)
    reading = read_documents(tmp_path / "docs")
    assert [each.id for each in reading.documents] == ["B.TXT", "a/b/c.txt", "a/z.md", "b.txt"]
    assert reading.documents[1].metadata == {"path": "a/b/c.txt"}
    assert [(each.path, each.reason) for each in reading.skipped] == [
        ("2 files or folders", "hidden (a name that begins with a dot)")
    ]
    (tmp_path / "docs").rename(tmp_path / ".docs")
    assert len(read_documents(tmp_path / ".docs").documents) == 4


def ids_and_reasons(folder: Path, **options: Any) -> tuple[list[str], list[tuple[str, str]]]:
    reading = read_documents(folder, ReadingOptions(**options))
    return [each.id for each in reading.documents], [(each.path, each.reason) for each in reading.skipped]


def test_what_gitignore_names_is_left_out_and_said(tmp_path: Path, write: Any) -> None:
    for name in ("a.md", "drafts/b.md", "guide/c.md", "guide/old/d.md", "guide/old/keep.md", "build.md"):
        write(tmp_path, name, name)
    write(tmp_path, ".gitignore", "drafts/\n# a remark\nold/*\n[z-a]\n/build.md\n")
    write(tmp_path, "guide/.gitignore", "!old/keep.md\n")
    left_out = "named in .gitignore"
    assert ids_and_reasons(tmp_path) == (
        ["a.md", "guide/c.md", "guide/old/d.md", "guide/old/keep.md"],
        [("2 files or folders", left_out)],
    )
    write(tmp_path, ".gitignore", "drafts/\n**/old/*\n")
    ids, reasons = ids_and_reasons(tmp_path)
    assert ids == ["a.md", "build.md", "guide/c.md", "guide/old/keep.md"]
    assert reasons == [("2 files or folders", left_out)]
    assert len(ids_and_reasons(tmp_path, ignored=True)[0]) == 6


def test_a_gitignore_file_that_was_made_to_take_for_ever_is_passed_over(tmp_path: Path, write: Any) -> None:
    name = "a" * 200 + ".md"
    write(tmp_path, name, "text")
    write(tmp_path, ".gitignore", "*a" * 60 + "b\n")
    assert ids_and_reasons(tmp_path) == ([name], [])


def test_patterns_of_the_user_take_in_and_leave_out(tmp_path: Path, write: Any) -> None:
    for name in ("a.md", "guide/b.md", "guide/draft.md", "notes/c.txt"):
        write(tmp_path, name, name)
    assert ids_and_reasons(tmp_path, include=("guide/",), exclude=("draft*",)) == (
        ["guide/b.md"],
        [
            ("2 files", "fits no pattern of what is to be read"),
            ("1 file", "fits a pattern of what is to be left out"),
        ],
    )
    assert ids_and_reasons(tmp_path, exclude=("*", "!a.md"))[0] == ["a.md"]
    with pytest.raises(InputError, match="'!' is no pattern of files"):
        ReadingOptions(exclude=("!",))


def test_links_make_neither_loops_nor_copies(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "outside/o.txt", "o")
    write(tmp_path, "sibling.txt", "not below")
    write(tmp_path, "docs/z/a.txt", "a")
    for name, target in (
        ("loop", "."),
        ("up", ".."),
        ("a-same", "z"),
        ("out", "../outside"),
        ("copy.txt", "z/a.txt"),
    ):
        (tmp_path / "docs" / name).symlink_to(target)
    (tmp_path / "docs" / "dead.txt").symlink_to("nowhere.txt")
    (tmp_path / "docs" / "round.txt").symlink_to("round.txt")
    followed = read_documents(tmp_path / "docs", ReadingOptions(follow_links=True))
    assert [each.id for each in followed.documents] == ["out/o.txt", "z/a.txt"]
    dead = ("dead.txt", "link that leads nowhere")
    circle = ("round.txt", "link that leads in a circle")
    assert [(each.path, each.reason) for each in followed.skipped] == [dead, circle]
    reading = read_documents(tmp_path / "docs")
    assert [each.id for each in reading.documents] == ["z/a.txt"]
    away = "link that leads out of the folder, not followed"
    expected = [dead, ("out", away), circle, ("up", away)]
    assert [(each.path, each.reason) for each in reading.skipped] == expected


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_pipes_and_sockets_are_not_opened(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "a.txt", "a")
    os.mkfifo(tmp_path / "pipe.txt")
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["a.txt"]
    assert [each.path for each in reading.skipped] == ["pipe.txt"]
    with pytest.raises(Unreadable):
        open_regular(tmp_path / "pipe.txt")


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be there")
def test_names_are_one_cell_and_one_line(tmp_path: Path) -> None:
    for name in (b"a\tb.txt", b"a\nb.txt", b"\x1b]0;x\x07.txt", b"bad\xff.txt", "\u202egpj.txt".encode()):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_text("text")
    ids = [each.id for each in read_documents(tmp_path).documents]
    expected = ["%1B]0;x%07.txt", "%E2%80%AEgpj.txt", "a%09b.txt", "a%0Ab.txt", "bad\ufffd.txt"]
    assert sorted(ids) == expected


def test_queries_of_a_collection_are_no_documents(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "corpus.jsonl", '{"_id": "d", "text": "x"}')
    write(tmp_path, "queries.jsonl", '{"_id": "q", "text": "y"}')
    write(tmp_path, "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq\td\t1\n")
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["d"]
    assert [each.path for each in reading.skipped] == ["qrels", "queries.jsonl"]
