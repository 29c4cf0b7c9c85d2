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


def test_folder_is_read_in_order_without_hidden_files(tmp_path: Path, write: Any) -> None:
    for name in ("b.txt", "a/z.md", "a/b/c.txt", ".hidden/x.txt", ".x.txt", "B.TXT"):
        write(tmp_path, f"docs/{name}", name)
    reading = read_documents(tmp_path / "docs")
    assert [each.id for each in reading.documents] == ["B.TXT", "a/b/c.txt", "a/z.md", "b.txt"]
    assert reading.documents[1].metadata == {"path": "a/b/c.txt"}
    assert not reading.skipped
    (tmp_path / "docs").rename(tmp_path / ".docs")
    assert len(read_documents(tmp_path / ".docs").documents) == 4


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
