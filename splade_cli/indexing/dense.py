"""Dense vectors of what is indexed; those that a cache holds are not computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.info import DenseInfo
from splade_cli.index.vectors.dense import unit
from splade_cli.progress import Progress, silent
from splade_cli.storage.cache import Cache, key_of

SPACE = "dense vectors"
"""With this begins the name of every space of dense vectors."""
PART = 512
"""Texts that are encoded between two reports of progress: what a run that is killed loses at most."""


class DenseEncoder(Protocol):
    """What makes dense vectors: `model.dense.DenseModel`."""

    @property
    def name(self) -> str:
        """Of the model."""

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d]; `kind` is ``document`` or ``query``."""

    def settle_precision(self, texts: Sequence[str]) -> None:
        """Takes a lower precision for documents where that is faster and a sample of them ranks alike."""


class DenseWindows:
    """Encodes texts by a dense model, a part at a time.

    Args:
        model: its vectors need not have unit length.
        cache: where vectors are looked up and kept, by their texts.
    """

    def __init__(self, model: DenseEncoder, cache: Cache | None = None) -> None:
        self._model = model
        self._cache = cache

    @cached_property
    def identity(self) -> str:
        """Of the model, see `dense_identity`."""
        return dense_identity(self._model.name)

    def has(self, texts: Sequence[str]) -> bool:
        """Whether the cache holds all of `texts`."""
        if self._cache is None:
            return False
        keys = {key_of(text) for text in texts}
        return len(self._cache.get(f"{SPACE} of {self.identity}", list(keys))) == len(keys)

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Vectors of length 1, float32 [len(texts), d]; those of each part are kept before the next."""
        parts = []
        for start in range(0, len(texts), PART):
            part = texts[start : start + PART]
            parts.append(self._part(part))
            progress("encode densely", start + len(part), len(texts))
        return np.concatenate(parts)

    def _part(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._cache is None:
            return unit(self._model.encode(texts))
        keys = [key_of(text) for text in texts]
        space = f"{SPACE} of {self.identity}"
        kept = self._cache.get(space, keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in kept}
        if missing:
            made = unit(self._model.encode(list(missing.values()))).astype("<f4")
            new = {key: vector.tobytes() for key, vector in zip(missing, made, strict=True)}
            self._cache.put(space, new)
            kept |= new
        vectors = np.frombuffer(b"".join(kept[key] for key in keys), dtype="<f4")
        return vectors.reshape(len(texts), -1).astype(np.float32)

    def info(self, dimensions: int) -> DenseInfo:
        """What an index says of its dense vectors."""
        name = self._model.name
        if Path(name).expanduser().is_dir():
            name = str(Path(name).expanduser().resolve())  # an index is opened from other folders too
        return DenseInfo(name, self.identity, dimensions)


@dataclass(frozen=True)
class LateDense:
    """A dense encoder that is opened when it is first asked.

    Attributes:
        name: of the model.
        open_model: opens it.
    """

    name: str
    open_model: Callable[[], DenseEncoder]

    @cached_property
    def model(self) -> DenseEncoder:
        """The model itself. Raises ModelError where it cannot be opened."""
        return self.open_model()

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """See `DenseEncoder.encode`."""
        return self.model.encode(texts, kind)

    def settle_precision(self, texts: Sequence[str]) -> None:
        """See `DenseEncoder.settle_precision`."""
        self.model.settle_precision(texts)


@dataclass(frozen=True)
class KeptDense:
    """A dense encoder whose vectors of documents, of length 1, are looked up in a cache and kept there."""

    model: DenseEncoder
    cache: Cache

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model.name

    @cached_property
    def _windows(self) -> DenseWindows:
        return DenseWindows(self.model, self.cache)

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """See `DenseEncoder.encode`; queries are not kept."""
        if kind == "query":
            return self.model.encode(texts, kind)
        return self._windows.encode(texts)

    def settle_precision(self, texts: Sequence[str]) -> None:
        """See `DenseEncoder.settle_precision`; nothing is tried with texts that are kept."""
        if not self._windows.has(texts):
            self.model.settle_precision(texts)


def dense_identity(name: str) -> str:
    """A hash of a dense model's files, or its hub id. Raises ModelError for a path that is not there."""
    from splade_cli.model.identity import identity_of
    from splade_cli.model.layout import resolve_dense

    return identity_of(resolve_dense(name))
