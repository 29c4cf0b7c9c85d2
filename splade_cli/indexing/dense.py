"""Dense vectors of what is indexed; those that a cache holds are not computed again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.info import DenseInfo
from splade_cli.index.vectors.dense import unit
from splade_cli.storage.cache import Cache, key_of

SPACE = "dense vectors"
"""With this begins the name of every space of dense vectors."""


class DenseEncoder(Protocol):
    """What makes dense vectors: `model.dense.DenseModel`."""

    name: str

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d]; `kind` is ``document`` or ``query``."""

    def settle_precision(self, texts: Sequence[str]) -> None:
        """Takes a lower precision for documents where that is faster and a sample of them ranks alike."""


class DenseWindows:
    """Encodes windows of texts by a dense model.

    Args:
        model: its vectors need not have unit length.
        cache: where finished windows are looked up and kept.
    """

    def __init__(self, model: DenseEncoder, cache: Cache | None = None) -> None:
        self._model = model
        self._cache = cache

    @cached_property
    def identity(self) -> str:
        """Of the model, see `dense_identity`."""
        return dense_identity(self._model.name)

    def encode(self, window: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, float32 [len(window), d]."""
        if self._cache is None:
            return unit(self._model.encode(window))
        key = key_of(*window)
        space = f"{SPACE} of {self.identity}"
        value = self._cache.get(space, [key]).get(key)
        if value is not None:
            return np.frombuffer(value, dtype="<f4").reshape(len(window), -1).astype(np.float32)
        vectors = unit(self._model.encode(window))
        self._cache.put(space, {key: vectors.astype("<f4").tobytes()})
        return vectors

    def info(self, dimensions: int) -> DenseInfo:
        """What an index says of its dense vectors."""
        return DenseInfo(self._model.name, self.identity, dimensions)


def dense_identity(name: str) -> str:
    """A hash of a dense model's files, or its hub id. Raises ModelError for a path that is not there."""
    from splade_cli.model.dense import resolve_dense
    from splade_cli.model.identity import identity_of

    return identity_of(resolve_dense(name))
