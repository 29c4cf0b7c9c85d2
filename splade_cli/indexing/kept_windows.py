"""Encoded windows kept for good in a folder, a file a model: what one command encoded, others read.

Dense models have files of their own, so that the same texts are encoded once beside whatever sparse model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splade_cli.indexing.dense import DenseEncoder, KeptDense, dense_identity
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.storage.cache import Cache


def windows_file(folder: Path, embedder: SpladeEmbedder) -> Path:
    """The file of a model in `folder`."""
    identity = embedder.loaded.model.identity[:16].replace("/", "-")
    return folder / f"{identity}.sqlite3"


def dense_file(folder: Path, dense: DenseEncoder) -> Path:
    """The file of a dense model in `folder`. Raises ModelError for a path that is not there."""
    return folder / f"dense-{dense_identity(dense.name)[:16].replace('/', '-')}.sqlite3"


@contextmanager
def kept_dense(folder: Path, dense: DenseEncoder) -> Iterator[DenseEncoder]:
    """The dense model with the cache of it in `folder`; one that has a cache already is as it is.

    Raises:
        InputError: as `kept_windows`.
        ModelError: a path of the model that is not there.
    """
    if isinstance(dense, KeptDense):
        yield dense
        return
    with Cache(dense_file(folder, dense)) as cache:
        yield KeptDense(dense, cache)


@contextmanager
def kept_windows(folder: Path, embedder: SpladeEmbedder) -> Iterator[Cache]:
    """The cache of a model in `folder`, which is made where it is missing.

    It grows by about 8 bytes a term of each text, and is deleted by nobody but its owner.

    Raises:
        InputError: the folder cannot be made, or the file is something else.
    """
    with Cache(windows_file(folder, embedder)) as cache:
        yield cache
