"""Caches of encoded queries: several systems ask for the same texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.indexing.dense import DenseEncoder
from splade_cli.model.query_encoders.base import QueryEncoder


class RememberedQueries:
    """A query encoder that encodes each text once, whichever system asks for it."""

    def __init__(self, encoder: QueryEncoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, sp.csr_matrix] = {}

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors [len(texts), V] of `texts`, in their order."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            vectors = self._encoder.encode(missing)
            for number, text in enumerate(missing):
                self._vectors[text] = vectors[number]
        matrix: sp.csr_matrix = sp.vstack([self._vectors[text] for text in texts], format="csr")
        return matrix


class RememberedDense:
    """The same for a dense model. Queries are encoded in the precision that it has."""

    def __init__(self, encoder: DenseEncoder) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d] of queries."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            self._vectors.update(zip(missing, self._encoder.encode(missing, kind), strict=True))
        return np.stack([self._vectors[text] for text in texts])

    def settle_precision(self, texts: Sequence[str]) -> None:
        """As the model does."""
        self._encoder.settle_precision(texts)
