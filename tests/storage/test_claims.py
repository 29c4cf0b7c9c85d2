"""Claims: one process at a time, whoever died, and no file that stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from splade_cli.errors import InputError
from splade_cli.storage import claims
from splade_cli.storage.claims import Holder, claimed, is_running

HOLDS = """
import sys
from pathlib import Path
from splade_cli.storage.claims import claimed
with claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """A process that has claimed tmp_path/index."""
    words = [sys.executable, "-c", HOLDS, str(tmp_path / "index")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"claimed\n"
        yield process
        process.kill()


def test_another_process_is_refused_and_told_who_has_it(tmp_path: Path, holder: subprocess.Popen) -> None:
    said = rf"index is being written by process {holder.pid}, since \d\d:\d\d \(-c .*index\)"
    with pytest.raises(InputError, match=said) as caught, claimed(tmp_path / "index"):
        pytest.fail("two have it")
    assert "wait until it has ended" in caught.value.hint
    (tmp_path / "link").symlink_to("index")
    with pytest.raises(InputError, match="is being written"), claimed(tmp_path / "link"):
        pytest.fail("two have it, by two names")
    with claimed(tmp_path / "other"):
        pass


def test_the_claim_of_a_dead_process_is_free(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".index.lock"]
    with claimed(tmp_path / "index"):
        named = json.loads((tmp_path / ".index.lock").read_text())
        assert named["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_who_waits_gets_it(tmp_path: Path, holder: subprocess.Popen) -> None:
    with ThreadPoolExecutor(1) as pool:

        def wait() -> bool:
            with claimed(tmp_path / "index", wait=60):
                return True

        waiting = pool.submit(wait)
        assert holder.stdin is not None
        holder.stdin.close()
        assert waiting.result()
    assert not list(tmp_path.iterdir())


def test_a_lock_that_outlives_its_process_is_waited_for(
    tmp_path: Path, holder: subprocess.Popen, monkeypatch
):
    monkeypatch.setattr(claims, "GRACE", 1.0)
    gone = Holder(10**9, socket.gethostname(), "2026-01-02T03:04:05+00:00", "splade index")
    (tmp_path / ".index.lock").write_text(json.dumps(vars(gone)))
    pauses: list[float] = []
    monkeypatch.setattr(claims.time, "monotonic", lambda: len(pauses) / 10)
    monkeypatch.setattr(claims.time, "sleep", pauses.append)
    with pytest.raises(InputError, match="process 1000000000, since 2026-01-02"), claimed(tmp_path / "index"):
        pytest.fail("its children have it")
    assert len(pauses) == 10


def test_threads_have_it_one_after_the_other_and_leave_nothing(tmp_path: Path) -> None:
    inside: list[int] = []
    seen: list[int] = []

    def work(number: int) -> None:
        with claimed(tmp_path / "index", wait=60):
            inside.append(number)
            seen.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert seen == [1] * 200
    assert not list(tmp_path.iterdir())


def test_folders_above_stay_where_something_was_put_into_them(tmp_path: Path) -> None:
    with claimed(tmp_path / "a" / "b" / "index"):
        pass
    assert not list(tmp_path.iterdir())
    with claimed(tmp_path / "a" / "b" / "index"):
        (tmp_path / "a" / "kept").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["a", "a/kept"]


def test_a_process_is_known_by_its_number() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_running(os.getpid())
    assert not is_running(ended.pid)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that takes no files")
def test_a_folder_that_takes_no_files_is_held_by_nobody() -> None:
    with pytest.raises(InputError, match="/proc/index cannot be written"), claimed(Path("/proc/index")):
        pass
