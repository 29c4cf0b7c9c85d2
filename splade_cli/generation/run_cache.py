"""Cache of a generation run: answers of a language model, which stay, and vectors, which go at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.generation.llm.answers import CLAIMS
from splade_cli.generation.llm.answers import SPACE as ANSWERS
from splade_cli.indexing.dense import SPACE as DENSE
from splade_cli.storage.cache import Cache, remove_cache

NAME = "cache.sqlite3"
_MAGIC = b"SQLite format 3\0"


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
def earlier_answers(output: Path, answers: Path | None) -> Iterator[Cache | None]:
    """The cache of answers that a run to `output` would find, None where there is none; makes nothing."""
    path = answers or output / NAME
    if not path.is_file():
        yield None
        return
    with answer_cache(path, None) as cache:
        yield cache


@contextmanager
def answer_cache(answers: Path | None, own: Cache | None) -> Iterator[Cache | None]:
    """The cache of a language model's answers: the file `answers`, or else the run's own.

    Raises:
        InputError: a file that is no cache.
    """
    if answers is None:
        yield own
        return
    if answers.is_dir() or (answers.is_file() and not _is_cache(answers)):
        raise InputError(f"{answers} is no cache of answers", "name a new file, or the cache of another run")
    with Cache(answers) as cache:
        yield cache


def _is_cache(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) in (b"", _MAGIC)


def forget_vectors(cache: Cache, keep_dense: bool = False) -> None:
    """Drops everything but the answers of language models, and what other runs are asking.

    Args:
        keep_dense: dense vectors stay as well.
    """
    spaces = [space for space in cache.spaces() if space not in (ANSWERS, CLAIMS)]
    if keep_dense:
        spaces = [space for space in spaces if not space.startswith(DENSE)]
    if spaces:
        cache.forget(spaces)
