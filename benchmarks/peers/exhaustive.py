"""Exhaustive peers: all postings of the query's terms are added up, then the k largest are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from peers.peer import Peer


class Scipy(Peer):
    """CSR rows times the query, then argpartition."""

    label, package = "scipy", "scipy"

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        self.vectors = vectors

    def prepare(self, query: sp.csr_matrix) -> Any:
        return np.asarray(query.todense()).ravel()

    def search(self, query: Any, k: int) -> Any:
        scores = self.vectors @ query
        best = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
        return best[np.argsort(-scores[best], kind="stable")]


class ScipyTransposed(Scipy):
    """The query times a second matrix, the rows transposed to CSR; what SciPy can do at best."""

    label = "scipy, turned"

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        self.vectors = sp.csr_matrix(vectors.T)

    def prepare(self, query: sp.csr_matrix) -> Any:
        return query

    def search(self, query: Any, k: int) -> Any:
        found = query @ self.vectors
        best = np.argpartition(found.data, max(0, found.nnz - k))[max(0, found.nnz - k) :]
        return found.indices[best[np.argsort(-found.data[best], kind="stable")]]


class SpladeIndexPeer(Peer):
    """splade-index with its numba backend, which adds up all postings and partitions; exact."""

    label, package = "splade-index", "splade_index"

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        import torch
        from splade_index.numba.retrieve_utils import _retrieve_numba_functional

        # what its index() does with a model's output, without the model
        tensor = torch.sparse_csr_tensor(
            torch.from_numpy(vectors.indptr.astype(np.int64)),
            torch.from_numpy(vectors.indices.astype(np.int64)),
            torch.from_numpy(vectors.data),
            vectors.shape,
        ).to_sparse_csc()
        self.scores = {
            "data": tensor.values().numpy().astype("float32", copy=False),
            "indices": tensor.row_indices().numpy().astype("int32"),
            "indptr": tensor.ccol_indices().numpy().astype("int32"),
            "num_docs": vectors.shape[0],
        }
        self.retrieve = _retrieve_numba_functional

    def prepare(self, query: sp.csr_matrix) -> Any:
        return [query.indices], [query.data]

    def search(self, query: Any, k: int) -> Any:
        return self.retrieve(*query, self.scores, k=k)

    def rows(self, answer: Any) -> list[int]:
        return [int(row) for row in answer[0][0]]


class Qdrant(Peer):
    """qdrant-edge: the engine of Qdrant in the process; exact for sparse vectors."""

    label, package = "qdrant-edge", "qdrant_edge"

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        import qdrant_edge as q

        self.q = q
        settings = q.EdgeSparseVectorParams(full_scan_threshold=0)
        segments = q.EdgeOptimizersConfig(
            default_segment_number=1, indexing_threshold=1, max_segment_size=1 << 30
        )
        folder.mkdir(parents=True)
        config = q.EdgeConfig(sparse_vectors={"s": settings}, optimizers=segments, max_search_threads=1)
        self.shard = q.EdgeShard.create(str(folder), config)
        indices, values, ends = vectors.indices.tolist(), vectors.data.tolist(), vectors.indptr.tolist()
        for start in range(0, vectors.shape[0], 10_000):
            points = [
                q.Point(
                    row,
                    {
                        "s": q.SparseVector(
                            indices[ends[row] : ends[row + 1]], values[ends[row] : ends[row + 1]]
                        )
                    },
                )
                for row in range(start, min(start + 10_000, vectors.shape[0]))
            ]
            self.shard.update(q.UpdateOperation.upsert_points(points))
        self.shard.optimize()

    def prepare(self, query: sp.csr_matrix) -> Any:
        return self.q.SparseVector(query.indices.tolist(), query.data.tolist())

    def search(self, query: Any, k: int) -> Any:
        return self.shard.query(self.q.QueryRequest(limit=k, query=self.q.Query.Nearest(query, using="s")))

    def rows(self, answer: Any) -> list[int]:
        return [int(point.id) for point in answer]
