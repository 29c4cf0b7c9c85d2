"""What encodes queries in place of a model, and what an index is given to carry for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.records import QueryInfo

if TYPE_CHECKING:
    from splade_cli.model.embedder import SpladeEmbedder

TABLE = "query.table.npy"
GRAPH = "query.onnx"


class QueryEncoder(Protocol):
    """Query texts to CSR float32 [n, V]."""

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors of `texts`, in their order."""


class QueryEncoderExport(Protocol):
    """A query encoder on its way from a model into the folder of an index."""

    @property
    def info(self) -> QueryInfo:
        """What the index is to say of it."""

    def count(self, texts: Sequence[str]) -> None:
        """Takes note of texts that are indexed, each of them once."""

    def write(self, folder: Path) -> None:
        """Writes tokenizer and weights, when all texts have been counted."""


ExportQueries = Callable[["SpladeEmbedder"], QueryEncoderExport]
"""Begins the export of a model's queries: `static.export_static`, `deploy.export.onnx.export_onnx`."""


def active_columns(weights: NDArray[np.float32], max_active: int | None = None) -> NDArray[np.int32]:
    """Columns of `weights` [V] above zero, ascending; the largest `max_active` of them where set."""
    active = np.flatnonzero(weights > 0).astype(np.int32)
    if max_active is not None and len(active) > max_active:
        largest = np.argsort(-weights[active], kind="stable")[:max_active]
        active = np.sort(active[largest])
    return active
