"""Token ids and a table of V weights to query vectors, without a transformer and without torch; knows no files.

An inference-free query is its distinct tokens, each with its weight from the table [Geng et al. 2024, arXiv
2411.04403, eq. 5]; a table that nobody trained is the IDF of a corpus.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def static_rows(
    ids: Sequence[Sequence[int]], table: NDArray[np.float32], max_active: int | None = None
) -> sp.csr_matrix:
    """Query vectors, CSR float32 [len(ids), V]: the weight of each distinct token id, zero weights left out.

    Args:
        ids: token ids of each query, special ones not among them.
        table: [V].
        max_active: keep only so many largest weights of a query, where set.
    """
    bounds, columns = [0], []
    for row in ids:
        distinct = np.unique(np.asarray(row, dtype=np.int32))
        distinct = distinct[table[distinct] != 0]
        if max_active is not None and len(distinct) > max_active:
            distinct = np.sort(distinct[np.argsort(-table[distinct], kind="stable")[:max_active]])
        columns.append(distinct)
        bounds.append(bounds[-1] + len(columns[-1]))
    indices = np.concatenate(columns) if columns else np.empty(0, dtype=np.int32)
    return sp.csr_matrix((table[indices].astype(np.float32), indices, bounds), shape=(len(ids), len(table)))


def inverse_document_frequency(ids: Iterable[Sequence[int]], dimensions: int) -> NDArray[np.float32]:
    """IDF of each token id over texts, float32 [V]: log(1 + (N - n + 0.5) / (n + 0.5)).

    N texts, n of them with the token [Robertson and Zaragoza 2009, eq. 3.3, plus one inside the logarithm as Lucene
    has it, so that no weight is negative].
    """
    counts = np.zeros(dimensions, dtype=np.int64)
    texts = 0
    for row in ids:
        counts[np.unique(np.asarray(row, dtype=np.int64))] += 1
        texts += 1
    return np.log1p((texts - counts + 0.5) / (counts + 0.5)).astype(np.float32)
