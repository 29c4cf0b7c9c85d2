"""Peers of the engine behind one shape: built from the same CSR matrix, asked one query at a time on one
thread.

Each is its own PyPI package and is asked through the fastest call that it offers; turning a query into what
that call takes is not timed. BMP and PISA keep weights as small integers, so their results are exact for
rounded weights only. A peer whose package is missing is skipped and named:

    pip install splade-index qdrant-edge-py pyseismic-lsr bmp impact-index pyterrier-pisa

PISA loads libtbb.so.2, which its package puts into the environment's lib folder: name that in
LD_LIBRARY_PATH.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp


class Peer:
    """What each peer is: `package` to import, then build, prepare and search."""

    label: ClassVar[str]
    package: ClassVar[str]

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        raise NotImplementedError

    def prepare(self, query: sp.csr_matrix) -> Any:
        """The query as `search` takes it."""
        return query

    def search(self, query: Any, k: int) -> Any:
        """Whatever the package returns."""
        raise NotImplementedError

    def rows(self, answer: Any) -> list[int]:
        """Row numbers of an answer, best first."""
        return [int(row) for row in answer]


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


class Seismic(Peer):
    """Seismic (Bruch, Nardini, Rulli & Venturini 2024), approximate: 20 query terms, heap factor 0.8.

    Dimensions are renumbered to those in use, since it makes a list for each.
    """

    label, package = "Seismic", "seismic"
    query_cut, heap_factor = 20, 0.8

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        import seismic

        self.terms, columns = np.unique(vectors.indices, return_inverse=True)
        self.names = np.arange(len(self.terms)).astype(seismic.get_seismic_string())
        dataset = seismic.SeismicDataset(len(self.terms))
        dataset.add_documents_by_id(
            [str(row) for row in range(vectors.shape[0])],
            columns.astype(np.int64),
            np.ascontiguousarray(vectors.data, dtype=np.float32),
            vectors.indptr.astype(np.int64),
        )
        with quiet():
            self.index = seismic.SeismicIndex.build_from_dataset(dataset)

    def prepare(self, query: sp.csr_matrix) -> Any:
        position = np.minimum(np.searchsorted(self.terms, query.indices), len(self.terms) - 1)
        known = self.terms[position] == query.indices
        return self.names[position[known]], query.data[known]

    def search(self, query: Any, k: int) -> Any:
        return self.index.search("0", *query, k, self.query_cut, self.heap_factor)

    def rows(self, answer: Any) -> list[int]:
        return [int(row) for _, _, row in answer]


class Bmp(Peer):
    """Block-Max Pruning (Mallia, Suel & Tonellotto, SIGIR 2024), weights as 8 bits, blocks of four rows."""

    label, package = "BMP", "bmp"
    block = 4

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        from bmp import Indexer, Searcher

        folder.parent.mkdir(parents=True, exist_ok=True)
        writer = Indexer(str(folder), bsize=self.block, compress_range=False)
        levels = np.maximum(1, np.round(vectors.data * (255 / vectors.data.max()))).astype(int).tolist()
        terms, ends = [str(term) for term in vectors.indices.tolist()], vectors.indptr.tolist()
        for row in range(vectors.shape[0]):
            span = slice(ends[row], ends[row + 1])
            writer.add_document(str(row), dict(zip(terms[span], levels[span], strict=True)))
        writer.finish()
        self.searcher = Searcher(str(folder))

    def prepare(self, query: sp.csr_matrix) -> Any:
        return {str(term): float(weight) for term, weight in zip(query.indices, query.data, strict=True)}

    def search(self, query: Any, k: int) -> Any:
        return self.searcher.search(query, k=k, alpha=1.0, beta=1.0)

    def rows(self, answer: Any) -> list[int]:
        return [int(row) for row in answer[0]]


class ImpactIndex(Peer):
    """impact-index, MaxScore over the index as built; exact."""

    label, package = "impact-index", "impact_index"

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        import impact_index

        folder.mkdir(parents=True)
        writer = impact_index.IndexBuilder(str(folder))
        terms, ends = vectors.indices.astype(np.uint64), vectors.indptr
        for row in range(vectors.shape[0]):
            span = slice(ends[row], ends[row + 1])
            writer.add(row, terms[span], vectors.data[span])
        self.index = writer.build(in_memory=True)

    def prepare(self, query: sp.csr_matrix) -> Any:
        return {int(term): float(weight) for term, weight in zip(query.indices, query.data, strict=True)}

    def search(self, query: Any, k: int) -> Any:
        return self.index.search_maxscore(query, top_k=k)

    def rows(self, answer: Any) -> list[int]:
        return [int(each.docid) for each in answer]


class Pisa(Peer):
    """PISA through pyterrier-pisa: block-max MaxScore over 8-bit impacts; query weights are tenths, as
    repeated terms.

    Asked below the data frames of its pipeline, which cost more than the search.
    """

    label, package = "PISA", "pyterrier_pisa"

    def __init__(self, vectors: sp.csr_matrix, folder: Path) -> None:
        import pyterrier_pisa as pisa

        self.library = pisa._pisathon
        names, ends = [f"t{term}" for term in vectors.indices.tolist()], vectors.indptr.tolist()
        weights = vectors.data.tolist()

        def documents() -> Any:
            for row in range(vectors.shape[0]):
                span = slice(ends[row], ends[row + 1])
                yield {"docno": str(row), "toks": dict(zip(names[span], weights[span], strict=True))}

        with quiet():
            index = pisa.PisaIndex(str(folder), text_field="toks", stemmer="none", threads=1)
            index.toks_indexer(scale=255 / float(vectors.data.max())).index(documents())
            self.way = index.quantized(num_results=10, threads=1, query_weighted=True)

    def prepare(self, query: sp.csr_matrix) -> Any:
        terms = zip(query.indices, query.data, strict=True)
        return [(0, {f"t{term}": float(max(1, round(10 * weight))) for term, weight in terms})]

    def search(self, query: Any, k: int) -> Any:
        numbers, ranks = np.empty(k, dtype=np.int32), np.empty(k, dtype=np.int32)
        names, scores = np.empty(k, dtype=object), np.empty(k, dtype=np.float32)
        size = self.library.retrieve(
            self.way._ctxt,
            "block_max_maxscore",
            query,
            k=k,
            threads=1,
            query_weighted=1,
            pretokenised=True,
            result_qidxs=numbers,
            result_docnos=names,
            result_ranks=ranks,
            result_scores=scores,
        )
        return names[:size]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Libraries that write to file descriptors 1 and 2 by themselves write nowhere."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with open(os.devnull, "wb") as nowhere:
        for number, _ in kept:
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


PEERS: tuple[type[Peer], ...] = (
    Scipy,
    ScipyTransposed,
    SpladeIndexPeer,
    Qdrant,
    Seismic,
    Bmp,
    ImpactIndex,
    Pisa,
)


def available(names: list[str] | None, extra: list[Path]) -> list[type[Peer]]:
    """The peers whose packages are installed, also under `extra`; says on stderr which are not."""
    sys.path += map(str, extra)
    warnings.filterwarnings("ignore")
    found = []
    for peer in PEERS:
        if names is not None and peer.label not in names:
            continue
        if importlib.util.find_spec(peer.package) is None:
            print(f"{peer.label}: not installed, skipped", file=sys.stderr, flush=True)
        else:
            found.append(peer)
    return found


def built(peer: type[Peer], vectors: sp.csr_matrix, folder: Path) -> Peer | None:
    """A peer over `vectors` in a fresh `folder`; None, with the reason on stderr, where it fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.unlink(missing_ok=True)
    try:
        return peer(vectors, folder)
    except Exception as error:  # a peer's own failure must not stop the others
        print(f"{peer.label}: {type(error).__name__}: {error}, skipped", file=sys.stderr, flush=True)
        return None
