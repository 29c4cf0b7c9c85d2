"""Qdrant Edge behind the common call: exact, in the process, through its own package qdrant-edge-py.

A point's number is its row. Dimensions are 32 bits wide there, as here. A row whose weights of both signs cancel to a
score of exactly zero is no result there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.backends.candidates import Library
from splade_cli.errors import IndexFolderError

AT_A_TIME = 1000
_NAME = "sparse"


class QdrantEdge(Library):
    """A Qdrant Edge shard."""

    package, extra = "qdrant-edge-py", "qdrant"

    def __init__(self, folder: Path) -> None:
        import qdrant_edge

        try:
            self._shard: Any = qdrant_edge.EdgeShard.load(str(folder / "shard"))
        except Exception as error:  # it raises nothing narrower
            raise IndexFolderError(
                f"{folder} cannot be read ({error})", "delete the folder: it is built again"
            ) from None

    @classmethod
    def build(cls, vectors: sp.csr_matrix, folder: Path) -> None:
        """Any vectors will do; rows without a term are left out."""
        import qdrant_edge as qdrant

        place = folder / "shard"
        place.mkdir()
        # The threshold is a number of rows below which it compares one by one; 1 is the least that it takes.
        parameters = {_NAME: qdrant.EdgeSparseVectorParams(full_scan_threshold=1)}
        shard = qdrant.EdgeShard.create(
            str(place), qdrant.EdgeConfig(sparse_vectors=parameters, wal_enabled=False)
        )
        filled = np.flatnonzero(np.diff(vectors.indptr))
        for start in range(0, len(filled), AT_A_TIME):
            points = []
            for row in filled[start : start + AT_A_TIME]:
                span = slice(vectors.indptr[row], vectors.indptr[row + 1])
                vector = qdrant.SparseVector(vectors.indices[span].tolist(), vectors.data[span].tolist())
                points.append(qdrant.Point(int(row), {_NAME: vector}))
            shard.update(qdrant.UpdateOperation.upsert_points(points))
        shard.optimize()
        shard.flush()
        shard.close()

    def propose(self, queries: sp.csr_matrix, count: int, threads: int | None) -> list[NDArray[np.int64]]:
        """See `Library.propose`; `threads` is the library's own affair."""
        import qdrant_edge as qdrant

        requests = []
        for place in range(queries.shape[0]):
            span = slice(queries.indptr[place], queries.indptr[place + 1])
            vector = qdrant.SparseVector(queries.indices[span].tolist(), queries.data[span].tolist())
            requests.append(qdrant.QueryRequest(limit=count, query=qdrant.Query.Nearest(vector, using=_NAME)))
        if len(requests) == 1:
            found = [self._shard.query(requests[0])]
        else:
            found = self._shard.query_batch(qdrant.QueryBatchRequest(requests)) if requests else []
        return [np.array([point.id for point in points], dtype=np.int64) for points in found]
