"""Static query encoder: the distinct tokens of a query, each with its weight from a table.

So are the queries of an inference-free model [Geng et al. 2024, arXiv 2411.04403, eq. 5]; a table that nobody
trained is the IDF of a corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError
from splade_cli.model.query_encoders.tokenizer import read_tokenizer


class StaticQueryEncoder:
    """Encodes queries by a table of token weights.

    Args:
        tokenizer_path: a ``tokenizer.json``.
        table: [V].
        max_seq_length: tokens read of a query.
        prompt: text put before a query.
        max_active: keep only so many largest weights of a query, where set.

    Raises:
        IndexFolderError: the tokenizer file cannot be read.
    """

    def __init__(
        self,
        tokenizer_path: Path,
        table: NDArray[np.float32],
        *,
        max_seq_length: int,
        prompt: str = "",
        max_active: int | None = None,
    ) -> None:
        self.tokenizer = read_tokenizer(tokenizer_path, max_seq_length)
        self.table = table
        self.prompt = prompt
        self.max_active = max_active

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors [len(texts), V] of queries. Raises IndexFolderError where the tokenizer does not fit."""
        prompted = [self.prompt + text for text in texts]
        encodings = self.tokenizer.encode_batch(prompted, add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        last = max((max(row, default=0) for row in ids), default=0)
        if last >= len(self.table):
            raise IndexFolderError(
                f"the tokenizer knows a token of the number {last}, the table has {len(self.table)} weights",
                "make the index again: the two files are not of one model",
            )
        return static_rows(ids, self.table, self.max_active)


def static_rows(
    ids: Sequence[Sequence[int]], table: NDArray[np.float32], max_active: int | None = None
) -> sp.csr_matrix:
    """Query vectors, CSR float32 [len(ids), V]: the weight of each distinct token id, zero weights left out.

    Args:
        ids: token ids of each query, special ones not among them.
        table: [V].
        max_active: keep only so many largest weights of a query, where set.
    """
    bounds = [0]
    columns = []
    for row in ids:
        distinct = np.array(sorted(set(row)), dtype=np.int32)  # of some tokens faster than by np.unique
        distinct = distinct[table[distinct] != 0]
        if max_active is not None and len(distinct) > max_active:
            largest = np.argsort(-table[distinct], kind="stable")[:max_active]
            distinct = np.sort(distinct[largest])
        columns.append(distinct)
        bounds.append(bounds[-1] + len(distinct))
    indices = np.concatenate([np.empty(0, dtype=np.int32), *columns])
    weights = table[indices].astype(np.float32)
    return sp.csr_matrix((weights, indices, bounds), shape=(len(ids), len(table)))
