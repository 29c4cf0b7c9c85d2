"""A graph that another runtime executes, as an encoder: token ids [B, L] in, vocabulary weights [B, V] out.

So a graph is compared with the model that it was made of, encoded with, and evaluated, by the code that does
so for every model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splade_cli.model.device import Device
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.query_encoders.onnx import open_session
from splade_cli.model.sparse_model import SparseModel, SparseRows, nonzero_rows
from splade_cli.model.splade.encoder import SpladeModel

WEIGHTS = "weights"
"""Output of a graph that pools: [B, V]."""
LOGITS = "logits"
"""Output of a graph that leaves pooling to others: [B, L, V]."""


class Graph(Protocol):
    """An open graph; `output` is `WEIGHTS` or `LOGITS`."""

    inputs: list[str]
    output: str

    def run(self, feed: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """The output for `inputs`, each [B, L]."""


class OnnxGraph:
    """A graph that ONNX Runtime executes on the CPU. Raises IndexFolderError for a file that is none."""

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)
        self.inputs = [node.name for node in self._session.get_inputs()]
        self.output = self._session.get_outputs()[0].name

    def run(self, feed: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """See `Graph`."""
        values: NDArray[np.float32] = self._session.run([self.output], dict(feed))[0]
        return values


class GraphModel(SparseModel):
    """The documents, and queries that no table answers, of a SPLADE model by a graph.

    Args:
        graph: an open one.
        like: the model that it was made of, whose limits, prompts and query table it keeps.
        name: what a report calls it.
    """

    def __init__(self, graph: Graph, like: SpladeModel, name: str) -> None:
        super().__init__(
            name=name,
            identity=f"{like.identity}/{name}",
            max_seq_length=like.max_seq_length,
            prompts=like.prompts,
            max_active=like.max_active,
            query_table=like.query_table,
            query_length=like.query_length,
        )
        self.architecture = like.architecture
        self._graph = graph
        self._pooling = like.pooling
        self._dimensions = like.dimensions

    @property
    def fused(self) -> bool:
        """Logits are held in full."""
        return self._graph.output == WEIGHTS

    @property
    def dimensions(self) -> int:
        """V."""
        return self._dimensions

    def weights(self, features: Mapping[str, Tensor]) -> NDArray[np.float32]:
        """Weights [B, V] of tokenised texts, before the choice of the largest `max_active`."""
        feed = {name: features[name].numpy() for name in self._graph.inputs}
        values = self._graph.run(feed)
        if self._graph.output == WEIGHTS:
            return values
        # what fastembed and text-embeddings-inference do with the logits of a SPLADE model
        real = feed["attention_mask"][..., None] != 0
        values = np.where(real, np.log1p(np.maximum(values, 0)), np.float32(0))
        pool = np.max if self._pooling == "max" else np.sum
        return np.asarray(pool(values, axis=1), dtype=np.float32)

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """CSR arrays of the non-zero weights."""
        weights = torch.from_numpy(self.weights(features))
        if self.max_active is not None and self.max_active < weights.shape[1]:
            largest = weights.topk(self.max_active, dim=1)
            weights = torch.zeros_like(weights).scatter(1, largest.indices, largest.values)
        return nonzero_rows(weights)


def loaded_graph(graph: Graph, like: LoadedModel, name: str) -> LoadedModel:
    """A graph in place of the model that it was made of, with its tokenizer."""
    model: Any = GraphModel(graph, like.splade, name)
    return LoadedModel(like.tokenizer, model, Device("cpu", "fp32", "by a graph"))
