"""Encoded windows kept for good in a folder, a file a model: what one command encoded, others read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.storage.cache import Cache


def windows_file(folder: Path, embedder: SpladeEmbedder) -> Path:
    """The file of a model in `folder`."""
    identity = embedder.loaded.model.identity[:16].replace("/", "-")
    return folder / f"{identity}.sqlite3"


@contextmanager
def kept_windows(folder: Path, embedder: SpladeEmbedder) -> Iterator[Cache]:
    """The cache of a model in `folder`, which is made where it is missing.

    It grows by about 8 bytes a term of each text, and is deleted by nobody but its owner.

    Raises:
        InputError: the folder cannot be made, or the file is something else.
    """
    with Cache(windows_file(folder, embedder)) as cache:
        yield cache
