"""Atomic replacement: what killed processes leave beside an output, and outputs that are no files or folders."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest

from splade_cli.errors import InputError
from splade_cli.storage.cache import Cache
from splade_cli.storage.files import (
    claim_output,
    open_text,
    remove_leftovers,
    remove_leftovers_in,
    replacing,
    replacing_folder,
    temporary_folder,
    write_json,
)

LEFT = ".index.4711.0a1b2c3d.tmp"


def test_leftovers_of_one_name_go_and_all_others_stay(tmp_path: Path) -> None:
    for name in (LEFT, ".index2.4711.0a1b2c3d.tmp", ".index.4711.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(b"x")
    (tmp_path / ".report.4711.0a1b2c3d.tmp").write_bytes(b"x")
    (tmp_path / ".index.cache.sqlite3").write_bytes(b"x")
    remove_leftovers(tmp_path / "index")
    remove_leftovers(tmp_path / "report")
    remove_leftovers(tmp_path / "no folder" / "index")
    expected = [".index.4711.tmp", ".index.cache.sqlite3", ".index2.4711.0a1b2c3d.tmp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
    remove_leftovers_in(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == expected[:2]


def test_a_folder_that_was_moved_aside_comes_back_unless_the_new_one_is_there(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f".{name}.4711.0a1b2c3d.old").mkdir()
        (tmp_path / f".{name}.4711.0a1b2c3d.old" / "old").touch()
    (tmp_path / "two").mkdir()
    remove_leftovers(tmp_path / "one")
    remove_leftovers(tmp_path / "two")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "one",
        "one/old",
        "two",
    ]


def test_leftovers_are_named_as_they_are_swept(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "index") as folder:
        remove_leftovers(tmp_path / "index")
        assert not folder.exists()
        folder.mkdir()
    with replacing(tmp_path / "report") as file:
        file.write_text("half")
        remove_leftovers(tmp_path / "report")
        assert not file.exists()
        file.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "report"]


def test_a_file_that_is_written_alone_takes_away_what_killed_processes_left(tmp_path: Path) -> None:
    (tmp_path / ".report.json.4711.0a1b2c3d.tmp").write_text("half")
    write_json(tmp_path / "report.json", {}, alone=True)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_threads_that_replace_one_file_do_not_share_a_temporary_name(tmp_path: Path) -> None:
    together = Barrier(8, timeout=600)

    def write(number: int) -> Path:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text(str(number) * 1000)
            together.wait()
        return temporary

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(write, range(8)))) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(set((tmp_path / "file").read_text())) == 1


def test_threads_may_make_one_folder_name_at_once(tmp_path: Path) -> None:
    together = Barrier(8, timeout=600)

    def temporary_of(number: int) -> Path:
        with suppress(InterruptedError), replacing_folder(tmp_path / "folder") as temporary:
            together.wait()
            raise InterruptedError
        return temporary

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(temporary_of, range(8)))) == 8
    assert not list(tmp_path.iterdir())


@pytest.fixture(params=["named pipe", "socket", "device", "link to a device"])
def special(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something that is neither a file nor a folder."""
    path = tmp_path / "special"
    if request.param == "named pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        monkeypatch.chdir(tmp_path)  # names of sockets are short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("special")
    elif request.param == "device":
        return Path("/dev/null")
    else:
        path.symlink_to("/dev/null")
    return path


@pytest.mark.skipif(os.name == "nt", reason="pipes have no names in folders there")
def test_what_is_neither_file_nor_folder_is_never_replaced(special: Path) -> None:
    before = special.stat().st_mode
    is_one = "is a (named pipe|socket|device), not a (file|folder)"
    with pytest.raises(InputError, match=is_one), replacing(special):
        pytest.fail("a file would have been written")
    with pytest.raises(InputError, match=is_one), replacing_folder(special):
        pytest.fail("a folder would have been written")
    for force in (True, False):
        with pytest.raises(InputError, match=is_one):
            claim_output(special, force)
    with pytest.raises(InputError, match=is_one):
        Cache(special)
    with pytest.raises(InputError, match="a file was expected"), open_text(special):
        pytest.fail("it would have been read")
    assert special.stat().st_mode == before


def test_a_file_is_no_place_for_a_folder_and_a_folder_none_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match="is a file, not a folder"), replacing_folder(tmp_path / "file"):
        pytest.fail("it would have been replaced")
    with pytest.raises(InputError, match="is a folder, not a file"), replacing(tmp_path):
        pytest.fail("it would have been replaced")
    below = tmp_path / "file" / "below" / "it"
    for write in (replacing, replacing_folder):
        with pytest.raises(InputError, match="file is a file, not a folder"), write(below):
            pytest.fail("nothing can be written below a file")
    with pytest.raises(InputError, match="- is standard output"):
        claim_output(Path("-"), force=True)
    assert (tmp_path / "file").read_text() == "kept"


def test_links_are_followed_and_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "report").symlink_to("real.json")
    with replacing_folder(tmp_path / "link") as folder:
        (folder / "new").touch()
    write_json(tmp_path / "report", {})
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "new").is_file()
    assert (tmp_path / "report").is_symlink() and (tmp_path / "real.json").is_file()


def test_links_that_lead_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(InputError, match="cannot be written"), replacing(tmp_path / "one"):
        pytest.fail("it leads nowhere")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    for write in (replacing, replacing_folder):
        with pytest.raises(InputError, match="you may not write to .*closed"), write(tmp_path / "closed/new"):
            pytest.fail("nothing can be written there")


def test_temporary_folders_go_with_those_of_killed_runs_and_not_with_those_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with temporary_folder() as first:
        (first / "part").touch()
        (tmp_path / "splade-temporary-0a").mkdir()
        (tmp_path / "splade-temporary-0a" / "part").touch()
        (tmp_path / ".splade-temporary-0b.lock").touch()
        (tmp_path / "another's").touch()
        with temporary_folder() as second:
            assert sorted(tmp_path.glob("[!.]*")) == sorted([first, second, tmp_path / "another's"])
        assert (first / "part").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["another's"]
