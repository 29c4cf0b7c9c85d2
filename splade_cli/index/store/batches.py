"""Rows on their way into a segment: consecutive chunks with their vectors, one batch in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.records import Chunk

Dense = NDArray[np.floating]


class Batch(NamedTuple):
    """Consecutive rows: chunks, vectors CSR [n, V], and dense vectors [n, d] of length 1."""

    chunks: Sequence[Chunk]
    vectors: sp.csr_matrix
    dense: Dense | None = None


def check_batch(batch: Batch, dense: bool) -> None:
    """Raises InputError where the parts of a batch differ in length, or dense vectors are missing or too
    many."""
    count = batch.vectors.shape[0]
    if len(batch.chunks) != count:
        raise InputError(f"{count} vectors and {len(batch.chunks)} chunks", "give one chunk a row")
    given = 0 if batch.dense is None else len(batch.dense)
    if given != count * dense:
        raise InputError(
            f"{count} vectors and {given} dense ones", "give one of each a row, or no dense ones"
        )


def unique_ids(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches. Raises InputError for an id that comes twice."""
    seen: set[str] = set()
    for batch in batches:
        for chunk in batch.chunks:
            if chunk.id in seen:
                raise InputError(f"the id '{chunk.id}' comes twice", "ids must be unique in an index")
            seen.add(chunk.id)
        yield batch


def canonical(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The same with ascending columns, none twice, no stored zero, as float32; a copy where it was not so
    already.

    Raises:
        InputError: a weight that is not finite.
    """
    if not np.isfinite(matrix.data).all():
        raise InputError(
            "a document vector holds a weight that is not finite", "check the model that made it"
        )
    if matrix.dtype != np.float32 or not matrix.has_canonical_format or not matrix.data.all():
        matrix = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return matrix
