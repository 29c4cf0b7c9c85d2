"""Seismic [Bruch, Nardini, Rulli and Venturini 2024, arXiv 2404.18812] behind the common call: approximate.

Through its own package pyseismic-lsr. It names rows and dimensions by text; dimensions are renumbered to those in use,
since it makes a list for each. It tells stdout of its progress, which is for data here, so that is dropped.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.backends.candidates import Library
from splade_cli.errors import IndexFolderError, InputError

QUERY_CUT, HEAP_FACTOR = 20, 0.8
"""A query's terms that are followed, and how near to the k-th best a block's bound must come: 0.999 of the exact ten
best rows on 5,183 documents of 248 terms."""
_NARROW = 1 << 16
_FILE = "index.seismic"


class Seismic(Library):
    """A Seismic index, read into memory."""

    package, extra = "pyseismic-lsr", "seismic"

    def __init__(self, folder: Path) -> None:
        import seismic

        self._terms = np.load(folder / "terms.npy")
        self._texts = np.arange(len(self._terms)).astype(seismic.get_seismic_string())
        kind = seismic.SeismicIndex if len(self._terms) < _NARROW else seismic.SeismicIndexLV
        if not len(self._terms):
            return
        try:
            with _nothing_on_stdout():
                self._index: Any = kind.load(str(folder / f"rows.{_FILE}"))
        except OSError as error:
            raise IndexFolderError(
                f"{folder} cannot be read ({error})", "delete the folder: it is built again"
            ) from None

    @classmethod
    def build(cls, vectors: sp.csr_matrix, folder: Path) -> None:
        """Raises InputError for negative weights, of which its summaries know nothing."""
        import seismic

        if vectors.nnz and vectors.data.min() < 0:
            raise InputError(
                "seismic takes no negative weights", "--backend qdrant-edge does, and exact search"
            )
        terms, columns = np.unique(vectors.indices, return_inverse=True)
        np.save(folder / "terms.npy", terms)
        if not len(terms):  # it would panic
            return
        narrow = len(terms) < _NARROW
        dataset = (seismic.SeismicDataset if narrow else seismic.SeismicDatasetLV)(max(1, len(terms)))
        dataset.add_documents_by_id(
            [str(row) for row in range(vectors.shape[0])],
            columns.astype(np.int64),
            np.ascontiguousarray(vectors.data, dtype=np.float32),
            vectors.indptr.astype(np.int64),
        )
        with _nothing_on_stdout():
            kind = seismic.SeismicIndex if narrow else seismic.SeismicIndexLV
            kind.build_from_dataset(dataset).save(str(folder / "rows"))

    def propose(self, queries: sp.csr_matrix, count: int, threads: int | None) -> list[NDArray[np.int64]]:
        """See `Library.propose`."""
        if not len(self._terms):
            return [np.empty(0, dtype=np.int64)] * queries.shape[0]
        texts, weights = [], []
        for place in range(queries.shape[0]):
            span = slice(queries.indptr[place], queries.indptr[place + 1])
            at = np.searchsorted(self._terms, queries.indices[span])
            known = at < len(self._terms)
            known[known] = self._terms[at[known]] == queries.indices[span][known]
            texts.append(self._texts[at[known]])
            weights.append(queries.data[span][known])
        found: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(texts)
        names = np.arange(len(texts)).astype(self._texts.dtype)
        if len(texts) == 1:
            answers = [self._index.search("0", texts[0], weights[0], count, QUERY_CUT, HEAP_FACTOR)]
        else:
            answers = self._index.batch_search(
                names, texts, weights, count, QUERY_CUT, HEAP_FACTOR, num_threads=threads or 0
            )
        for each in answers:
            # Several threads give their answers in any order.
            if each:
                found[int(each[0][0])] = np.array([int(row) for _, _, row in each], dtype=np.int64)
        return found


@contextlib.contextmanager
def _nothing_on_stdout() -> Iterator[None]:
    """Drops what a compiled library prints to stdout, which no Python object sees."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
