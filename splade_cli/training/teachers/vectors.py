"""Vectors of teacher encoders as byte strings, a dense model's and a sparse encoder's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import ModelError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.training.cached import CachedTexts

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel


class TextVectors(Protocol):
    """An encoder of one text at a time, whose vectors are compared by their product once they are decoded."""

    def encode(self, texts: Sequence[str], kind: str) -> list[bytes]:
        """The vector of each text, `kind` is ``document`` or ``query``."""
        ...

    def decode(self, encoded: Sequence[bytes]) -> Any:
        """The matrix [n, d] of n encoded vectors, dense or CSR."""
        ...


def open_vectors(kind: str, source: str, options: ModelOptions) -> TextVectors:
    """The vectors of a dense or sparse encoder."""
    if kind == "dense":
        return DenseVectors(source, options)
    return SparseVectors(source, options)


def encode_items(vectors: TextVectors, items: Sequence[CachedTexts]) -> list[bytes]:
    """The vectors of (kind, text) pairs, in their order."""
    encoded: dict[CachedTexts, bytes] = {}
    for kind in ("query", "document"):
        of_kind = [item for item in items if item[0] == kind]
        if of_kind:
            values = vectors.encode([text for _, text in of_kind], kind)
            encoded |= zip(of_kind, values, strict=True)
    return [encoded[item] for item in items]


def products(queries: Any, documents: Any) -> NDArray[np.float64]:
    """Products [q, n] of two matrices, dense or CSR."""
    product = queries @ documents.T
    if isinstance(product, sp.csr_matrix):
        product = product.toarray()
    return np.asarray(product, dtype=np.float64)


class DenseVectors:
    """A dense model's vectors, compared as its folder says: by cosine, or by dot product."""

    def __init__(self, source: str, options: ModelOptions) -> None:
        from splade_cli.model.hub import read_json
        from splade_cli.model.layout import resolve_dense

        self._source = source
        self._options = options
        settings = read_json(resolve_dense(source), "config_sentence_transformers.json") or {}
        self._similarity = settings.get("similarity_fn_name") or "cosine"
        if self._similarity not in ("cosine", "dot"):
            raise ModelError(
                f"{source} compares by '{self._similarity}'", "a teacher compares by cosine or dot"
            )

    @cached_property
    def _model(self) -> DenseModel:
        from splade_cli.model.dense import DenseModel

        return DenseModel(self._source, self._options)

    def encode(self, texts: Sequence[str], kind: str) -> list[bytes]:
        vectors = self._model.encode(texts, kind, batch_size=self._options.batch_size)
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self._source} gave a vector that is not finite", "use another dense model")
        return [vector.tobytes() for vector in vectors]

    def decode(self, encoded: Sequence[bytes]) -> NDArray[np.float32]:
        vectors = np.frombuffer(b"".join(encoded), dtype=np.float32).reshape(len(encoded), -1)
        if self._similarity == "dot":
            return vectors
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-12)
        return unit


class SparseVectors:
    """A sparse encoder's vectors, in float32 so that they serve any device, compared by dot product.

    A vector is encoded as its width, its columns (int32) and its weights (float32).
    """

    def __init__(self, source: str, options: ModelOptions) -> None:
        self._embedder = SpladeEmbedder(source, options, precision="fp32")

    def encode(self, texts: Sequence[str], kind: str) -> list[bytes]:
        matrix = self._embedder.encode(texts, kind)
        width = np.array([matrix.shape[1]], dtype=np.int32).tobytes()
        columns = matrix.indices.astype(np.int32)
        encoded = []
        for start, end in pairwise(matrix.indptr):
            encoded.append(width + columns[start:end].tobytes() + matrix.data[start:end].tobytes())
        return encoded

    def decode(self, encoded: Sequence[bytes]) -> sp.csr_matrix:
        numbers = [np.frombuffer(vector, dtype=np.int32) for vector in encoded]
        sizes = [(len(vector) - 1) // 2 for vector in numbers]
        columns = [vector[1 : 1 + size] for vector, size in zip(numbers, sizes, strict=True)]
        weights = [vector[1 + size :].view(np.float32) for vector, size in zip(numbers, sizes, strict=True)]
        shape = (len(numbers), int(numbers[0][0]))
        bounds = np.cumsum([0, *sizes])
        return sp.csr_matrix((np.concatenate(weights), np.concatenate(columns), bounds), shape=shape)
