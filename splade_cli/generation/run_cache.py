"""Cache of a generation run: answers of a language model, which stay, and vectors, which go at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from splade_cli.cache import Cache, remove_cache
from splade_cli.generation.llm.answers import SPACE as ANSWERS

NAME = "cache.sqlite3"


@contextmanager
def run_cache(output: Path) -> Iterator[Cache]:
    """The cache below `output`. Where nothing is in it at the end, nothing is left of it."""
    cache = Cache(output / NAME)
    try:
        yield cache
    finally:
        is_empty = not cache.spaces()
        cache.close()
        if is_empty:
            remove_cache(cache.path)
            with suppress(OSError):
                output.rmdir()


@contextmanager
def earlier_cache(output: Path) -> Iterator[Cache | None]:
    """The cache of an earlier run, None where there was none; makes nothing."""
    if not (output / NAME).is_file():
        yield None
        return
    with Cache(output / NAME) as cache:
        yield cache


def forget_vectors(cache: Cache) -> None:
    """Drops everything but the answers of language models."""
    spaces = [space for space in cache.spaces() if space != ANSWERS]
    if spaces:
        cache.forget(spaces)
