"""Peers with dynamic pruning: rows that upper bounds rule out, or cut terms leave aside, are not scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from peers.peer import Peer, quiet


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
