"""Folders: every file once and in order, whatever links lead to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splade_cli.corpus.documents import read_documents


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
    reading = read_documents(tmp_path / "docs")
    assert [each.id for each in reading.documents] == ["out/o.txt", "z/a.txt"]
    assert [(each.path, each.reason) for each in reading.skipped] == [("dead.txt", "link that leads nowhere")]


def test_queries_of_a_collection_are_no_documents(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "corpus.jsonl", '{"_id": "d", "text": "x"}')
    write(tmp_path, "queries.jsonl", '{"_id": "q", "text": "y"}')
    write(tmp_path, "qrels/test.tsv", "query-id\tcorpus-id\tscore\nq\td\t1\n")
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["d"]
    assert [each.path for each in reading.skipped] == ["qrels", "queries.jsonl"]
