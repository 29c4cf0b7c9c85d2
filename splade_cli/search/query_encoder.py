"""The model that made an index as its query encoder: loaded when first needed, and held against the index."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import RLock, Thread
from typing import TYPE_CHECKING

import scipy.sparse as sp

from splade_cli.model.embedder import SpladeEmbedder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from splade_cli.model.encoding.truncation import Truncation


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
        self._thread: Thread | None = None

    def load_in_background(self) -> None:
        """Begins to load the model in a thread of its own; what fails there fails again when it is needed."""
        if self._thread is None and not self.embedder.is_loaded:
            self._thread = Thread(target=self._try_to_load, daemon=True)
            self._thread.start()

    @property
    def is_loading(self) -> bool:
        """Whether `load_in_background` has neither come to its end nor failed."""
        return self._thread is not None and self._thread.is_alive()

    def _try_to_load(self) -> None:
        with suppress(Exception):  # a query that needs the model is told
            self.load()

    def load(self) -> None:
        """Loads the model now. Raises as loading and the check do."""
        with self._lock:
            if self._check is not None:
                self._check()
                self._check = None

    def tokenizer(self) -> Tokenizer | None:
        """A copy of the model's tokenizer that truncates nothing; None where it needs Python code."""
        with self._lock:
            backend = getattr(self.embedder.loaded.tokenizer, "backend_tokenizer", None)
            if backend is None:
                return None
            tokenizer: Tokenizer = copy.deepcopy(backend)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def encode(self, texts: Sequence[str], kind: str = "query") -> sp.csr_matrix:
        """Vectors [len(texts), V] of queries, or of documents."""
        with self._lock:
            self.load()
            return self.embedder.encode(texts, kind)

    def truncation(self, texts: Sequence[str]) -> Truncation:
        """How much of `texts` as documents the model does not read."""
        with self._lock:
            self.load()
            return self.embedder.truncation(texts)
