"""The cache: what comes back, from other threads and processes, after a kill, and from a damaged file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from splade_cli.errors import InputError
from splade_cli.storage.cache import KEYS_AT_ONCE, Cache, key_of


def test_values_come_back_by_space_and_key(tmp_path: Path) -> None:
    with Cache(tmp_path / "deep" / "cache.sqlite3") as cache:
        cache.put("one", {b"a": b"1", b"b": b""})
        cache.put("two", {b"a": b"2"})
        cache.put("one", {b"a": b"3"})
        assert cache.get("one", [b"a", b"b", b"c", b"a"]) == {b"a": b"3", b"b": b""}
        assert cache.get("two", [b"a", b"b"]) == {b"a": b"2"}
        assert cache.spaces() == ["one", "two"]
        assert cache.count("one") == 2
    with Cache(tmp_path / "deep" / "cache.sqlite3") as again:
        assert again.get("one", [b"a"]) == {b"a": b"3"}
        again.forget(["one"])
        assert again.spaces() == ["two"]


def test_more_keys_than_one_statement_takes(tmp_path: Path) -> None:
    items = {key_of(str(number)): str(number).encode() for number in range(2 * KEYS_AT_ONCE + 7)}
    with Cache(tmp_path / "cache") as cache:
        cache.put("", items)
        assert cache.get("", [*items, b"other"]) == items


def test_keys_of_parts_differ_where_their_ends_do() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of("ab") == key_of(b"ab")
    assert key_of("\ud800") != key_of("")


def test_threads_share_one_cache(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:

        def work(number: int) -> None:
            for turn in range(20):
                cache.put("", {f"{number}-{turn}".encode(): b"x" * number})
                assert cache.get("", [f"{number}-{turn}".encode()])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert cache.count("") == 80


def test_processes_share_one_file_and_a_kill_loses_nothing_that_was_put(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    script = (
        "import os, signal, sys; from pathlib import Path; from splade_cli.storage.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "for turn in range(30): cache.put(sys.argv[2], {str(turn).encode(): b'v'})\n"
        "os._exit(9)"
    )
    others = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("a", "b")]
    assert [other.wait() for other in others] == [9, 9]
    with Cache(path) as cache:
        assert cache.count("a") == cache.count("b") == 30


def test_a_file_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses at once, and does not wait, where a writer holds the file before it has a log."""
    other = sqlite3.connect(tmp_path / "cache", isolation_level=None)
    other.execute("CREATE TABLE being_made (x)")
    other.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def paused(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            other.execute("ROLLBACK")

    monkeypatch.setattr("splade_cli.storage.cache.time.sleep", paused)
    with Cache(tmp_path / "cache") as cache:
        cache.put("", {b"a": b"v"})
        assert cache.get("", [b"a"]) == {b"a": b"v"}
    assert len(pauses) == 3
    other.close()


def test_a_changed_value_counts_as_missing(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:
        cache.put("", {b"a": b"right", b"b": b"right"})
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("UPDATE entries SET value = x'00' WHERE key = x'61'")
    connection.close()
    with Cache(tmp_path / "cache") as cache:
        assert cache.get("", [b"a", b"b"]) == {b"b": b"right"}


def test_an_index_that_leads_to_another_row_gives_no_value(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache") as cache:
        cache.put("", {b"a": b"one", b"b": b"two"})
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("UPDATE entries SET key = x'63' WHERE key = x'61'")
    connection.close()
    with Cache(tmp_path / "cache") as cache:
        assert cache.get("", [b"a", b"b", b"c"]) == {b"b": b"two"}


def test_a_damaged_file_is_kept_aside_and_its_whole_rows_in_a_fresh_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache"
    items = {key_of(str(number)): bytes([number]) * 300 for number in range(200)}
    with Cache(path) as cache:
        cache.put("paid", items)
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(content)
    with Cache(path) as cache:
        kept = cache.get("paid", list(items))
        assert 100 < len(kept) < 200
        assert kept.items() <= items.items()
        cache.put("paid", items)
        assert cache.get("paid", list(items)) == items
    assert (tmp_path / "cache.damaged").read_bytes() == content
    assert f"the old file is {path}.damaged" in caplog.text
    assert f"{len(kept)} whole rows" in caplog.text


def test_a_file_that_is_no_database_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    content = os.urandom(4096)
    path.write_bytes(content)
    with Cache(path) as cache:
        assert cache.spaces() == []
    assert (tmp_path / "cache.damaged").read_bytes() == content
    with pytest.raises(InputError, match="is a file, not a folder"):
        Cache(path / "below")


def test_a_cache_of_another_format_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(InputError, match="format 7"):
        Cache(tmp_path / "cache")
