"""Reading one file: within limits, and whatever its parser does."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from splade_cli.corpus import file_reader
from splade_cli.corpus.documents import read_documents
from splade_cli.corpus.file_reader import QUICK_BYTES, FileReader
from splade_cli.corpus.formats import TEXT_READERS, Unreadable
from splade_cli.corpus.options import ReadingOptions
from splade_cli.errors import InputError


def test_a_large_text_is_read_in_a_process_of_its_own(tmp_path: Path) -> None:
    text = "A sentence of words. " * (QUICK_BYTES // 20)
    (tmp_path / "large.txt").write_text(text)
    (tmp_path / "second.txt").write_text(text)
    with FileReader(ReadingOptions()) as reader:
        [large] = reader.documents(tmp_path / "large.txt")
        process = reader._process
        assert process is not None
        [_] = reader.documents(tmp_path / "second.txt")
        assert reader._process is process
    assert process.poll() is not None
    assert not isinstance(large, Unreadable)
    assert large.text == text.rstrip()


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("x " * QUICK_BYTES)
    (tmp_path / "b.txt").write_text("text")
    sleeping = "import time; time.sleep(600)  # {path}"
    monkeypatch.setattr(file_reader, "_CHILD", sleeping)
    told: list[tuple[str, int, int | None]] = []
    reading = read_documents(
        tmp_path, ReadingOptions(max_seconds=3), progress=lambda *stage: told.append(stage)
    )
    assert [each.id for each in reading.documents] == ["b.txt"]
    assert [each.reason for each in reading.skipped] == ["takes longer to read than 3 s"]
    assert {stage for stage, _, _ in told} == {"seconds reading a.txt (0.2 MB)"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_parser_that_crashes_costs_its_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x " * QUICK_BYTES)
    (tmp_path / "b.txt").write_text("text")
    monkeypatch.setattr(
        file_reader, "_CHILD", f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})  # {{path}}"
    )
    reading = read_documents(tmp_path)
    assert [each.id for each in reading.documents] == ["b.txt"]
    assert "crashes its reader" in reading.skipped[0].reason


def test_sizes_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 2000)
    (tmp_path / "b.jsonl").write_text(json.dumps("y" * 2000) + "\n" + json.dumps("short"))
    (tmp_path / "hole.txt").touch()
    os.truncate(tmp_path / "hole.txt", 10**12)
    reading = read_documents(tmp_path, ReadingOptions(max_file_size=0.001))
    assert [each.text for each in reading.documents] == ["short"]
    assert [each.path for each in reading.skipped] == ["a.txt", "b.jsonl", "hole.txt"]
    with pytest.raises(InputError):
        ReadingOptions(max_file_size=0)
    with pytest.raises(InputError):
        ReadingOptions(max_seconds=float("nan"))


def test_what_breaks_a_parser_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise IndexError("out of range")

    monkeypatch.setitem(TEXT_READERS, ".txt", broken)
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.md").write_text("x")
    reading = read_documents(tmp_path)
    assert [each.reason for each in reading.skipped] == ["breaks its reader (IndexError: out of range)"]


def test_nesting_is_a_reason(tmp_path: Path) -> None:
    for name, opening, closing in (("a.json", "[", "]"), ("b.jsonl", '{"text": "x", "y": ', "1}")):
        for depth in (100, 100_000):
            text = opening * depth + closing * depth
            (tmp_path / f"{depth}{name}").write_text(f'{text}\n{{"text": "after"}}')
    (tmp_path / "deep.md").write_text("> " * 50_000 + "x")
    (tmp_path / "deep.html").write_text("<div>" * 100_000 + "x")
    (tmp_path / "good.md").write_text("x")
    reading = read_documents(tmp_path)
    ids = [each.id for each in reading.documents]
    assert {"good.md", "100b.jsonl#2", "100000b.jsonl#2"} <= set(ids)
    skipped = {each.path for each in reading.skipped}
    assert {"100a.json", "100000a.json", "100b.jsonl", "100000b.jsonl"} <= skipped
