"""Where the machine code of the engine's loops is kept, and when it is another."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest
from filelock import FileLock, Timeout

from splade_cli.index.engine import compiling

SEARCH = """
import numpy as np, scipy.sparse as sp
from splade_cli.index.engine.running import answering
from splade_cli.index.engine.postings import Postings
one = sp.csr_matrix(np.ones((1, 1), dtype=np.float32))
assert Postings.build(one).search(one, 1)[1].tolist() == [[1.0]]
"""


def test_a_change_of_any_source_is_another_cache(tmp_path: Path) -> None:
    """Also of a file that holds no loop of its own but what loops call, or the constants in them."""
    sources = compiling.loop_sources()
    copies = [tmp_path / path.relative_to(compiling.FOLDER) for path in sources]
    for path, copy in zip(sources, copies, strict=True):
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    whole = compiling.cache_key(copies)
    assert whole == compiling.cache_key(sources)
    for copy in copies:
        content = copy.read_bytes()
        copy.write_bytes(content.replace(b"1", b"2", 1) + b"#")
        assert compiling.cache_key(copies) != whole, copy.name
        copy.write_bytes(content)
    assert compiling.cache_key(copies) == whole


def test_another_compiler_is_another_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = compiling.loop_sources()
    whole = compiling.cache_key(sources)
    versions = {name: version(name) for name in compiling.COMPILERS}
    assert {"numba", "llvmlite", "numpy"} == set(versions)
    for name in versions:
        changed = {**versions, name: "0"}
        monkeypatch.setattr(compiling, "version", changed.__getitem__)
        assert compiling.cache_key(sources) != whole


def test_every_file_with_a_loop_is_in_the_folder_that_is_hashed() -> None:
    package = compiling.FOLDER.parents[1]
    holding = [
        path for path in package.rglob("*.py") if "import compiled" in path.read_text(encoding="utf-8")
    ]
    assert holding and set(holding) <= set(compiling.loop_sources())


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "LOCALAPPDATA", "NUMBA_CACHE_DIR"])
def test_the_cache_lies_where_the_user_has_caches(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    folder = compiling.cache_folder()
    assert folder is not None and folder.is_dir() and tmp_path in folder.parents


def test_without_a_writable_cache_loops_are_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert compiling.cache_folder() is None
    monkeypatch.setattr(compiling, "_CACHE", None)
    assert compiling.compiled(lambda number: number + 1)(2) == 3
    real = numba.njit

    def refusing(cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(compiling, "_CACHE", tmp_path)
    monkeypatch.setattr(numba, "njit", refusing)
    assert compiling.compiled(lambda number: number + 1)(2) == 3


@pytest.mark.slow
def test_machine_code_is_kept_and_used_again(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", SEARCH], env=environment, check=True)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    assert len(kept) > 10
    subprocess.run([sys.executable, "-c", SEARCH], env=environment, check=True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == kept


def test_processes_write_the_cache_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that add machine code of different argument types must not take the same file for it."""
    locked = []

    class Index:
        def save(self, key: Any, data: Any) -> None:
            with pytest.raises(Timeout):
                FileLock(tmp_path / "lock").acquire(timeout=0)
            locked.append((key, data))

    kernel = SimpleNamespace(_cache=SimpleNamespace(_cache_file=Index()))
    compiling.save_one_at_a_time(kernel, tmp_path / "lock")
    kernel._cache._cache_file.save("types", "code")
    assert locked == [("types", "code")]
    with FileLock(tmp_path / "lock").acquire(timeout=0):
        pass


def test_the_loops_of_the_engine_are_saved_so() -> None:
    from splade_cli.index.engine.running import answering

    assert answering.answer._cache._cache_file.save.__name__ == "save_alone"  # type: ignore[attr-defined]
