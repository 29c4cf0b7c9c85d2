"""Compilation of the engine's loops to machine code, kept on disk between processes.

Numba decides by the file of a function alone whether its machine code is stale, though a loop holds the loops
and constants of other files inside. So the folder of the cache is named by a hash over the sources of all
loops and the versions of what compiled them: after any change the code lies elsewhere, and what lay there is
never looked at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
COMPILERS = ("numba", "llvmlite", "numpy")
FOLDER = Path(__file__).parent


def compiled(function: Kernel, fast: bool = False) -> Kernel:
    """Machine code of `function` that lets other threads run, kept on disk where that is possible.

    Args:
        fast: let a product and a sum be rounded as one; only where a result needs no reproducible bits.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"} if fast else False}
    if _CACHE is not None:
        try:
            with _cache_at(_CACHE):
                kernel = numba.njit(cache=True, **options)(function)
            save_one_at_a_time(kernel, _CACHE / "lock")
            return cast(Kernel, kernel)
        except RuntimeError:  # numba finds no folder that it may write its cache to
            pass
    return cast(Kernel, numba.njit(**options)(function))


def save_one_at_a_time(kernel: Any, lock: Path) -> None:
    """Has processes that compile the same loop at the same time write its cache one after the other.

    Numba reads a loop's index of machine code, takes the next free file name and writes both: two processes
    in between take one name for different argument types, and a third is then given the wrong code.
    """
    cache_file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if cache_file is None:  # compilation is switched off
        return
    save = cache_file.save

    def save_alone(key: Any, data: Any) -> None:
        from filelock import FileLock

        with FileLock(lock):
            save(key, data)

    cache_file.save = save_alone


def cache_folder() -> Path | None:
    """Where the machine code of these very sources lies; None where nothing can be written."""
    try:
        folder = _user_cache() / "splade" / "kernels" / cache_key(loop_sources())
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a folder that is read-only, or a user without a home
        return None
    return folder if os.access(folder, os.W_OK) else None


def loop_sources() -> list[Path]:
    """The files of the engine, in an order that is always the same."""
    return sorted(FOLDER.rglob("*.py"))


def cache_key(sources: Iterable[Path]) -> str:
    """A hash over source files and the versions of the compilers."""
    digest = blake2b(digest_size=12)
    for name in COMPILERS:
        digest.update(f"{name} {version(name)}\n".encode())
    for path in sources:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _user_cache() -> Path:
    """The folder for caches of this user: ``NUMBA_CACHE_DIR`` where it is set, else as the system has it."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        if os.environ.get(name):
            return Path(os.environ[name])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"


@contextmanager
def _cache_at(folder: Path) -> Iterator[None]:
    """Has numba keep in `folder` what is declared inside."""
    from numba.core import config

    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


_CACHE = cache_folder()
