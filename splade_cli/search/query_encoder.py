"""The model that made an index as its query encoder: loaded when first needed, and held against the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

import scipy.sparse as sp

from splade_cli.model.embedder import SpladeEmbedder


class ModelEncoder:
    """Encodes queries with a `SpladeEmbedder`. Safe from many threads, one of which encodes at a time.

    Args:
        embedder: the model; not loaded before it is needed.
        check: called once when it is; raises where the model is not the one that it should be.
    """

    def __init__(self, embedder: SpladeEmbedder, check: Callable[[], None] | None = None) -> None:
        self.embedder = embedder
        self._check = check
        self._lock = RLock()

    def load(self) -> None:
        """Loads the model now. Raises as loading and the check do."""
        with self._lock:
            if self._check is not None:
                self._check()
                self._check = None

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors [len(texts), V] of queries."""
        with self._lock:
            self.load()
            return self.embedder.encode(texts, "query")
