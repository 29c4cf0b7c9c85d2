"""Vectors as the engine takes them: float32 CSR in order, and a summary of their weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.index.containers.csr import as_csr
from splade_cli.index.engine.arrays import read_only

Summarise = Callable[
    [NDArray[Any], NDArray[Any], NDArray[np.float32]], tuple[bool, bool, float, float, float]
]

Queries = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
INT32, FLOAT32 = np.dtype(np.int32), np.dtype(np.float32)
MOST_WEIGHTS = (1 << 31) - 1


class Summary(NamedTuple):
    """What searching must know: smallest weight, smallest and largest absolute one, and whether all was in
    order."""

    least: float
    nearest: float
    most: float
    ordered: bool


class Cleaned(NamedTuple):
    """The arrays of CSR vectors in order, read-only, and the summary of their weights; `ordered` is of those
    that were given."""

    indptr: NDArray[Any]
    indices: NDArray[Any]
    data: NDArray[np.float32]
    summary: Summary


def summarised(
    indptr: NDArray[Any], indices: NDArray[Any], data: NDArray[np.float32]
) -> tuple[bool, bool, float, float, float]:
    """`accumulators.summarise` of a few vectors."""
    if not len(data):
        return True, True, np.inf, np.inf, 0.0
    ascending = np.ones(len(data), dtype=np.bool_)
    ascending[1:] = indices[1:] > indices[:-1]
    starts = indptr[:-1]
    ascending[starts[starts < len(data)]] = True
    ordered = bool(np.all(ascending & (indices >= 0) & (data != 0)))
    sizes = np.abs(data)
    return ordered, bool(np.isfinite(data).all()), float(data.min()), float(sizes.min()), float(sizes.max())


def cleaned_by(
    summarise: Summarise, vectors: sp.csr_matrix, dimensions: int
) -> tuple[sp.csr_matrix, Summary]:
    """Float32 CSR with ascending terms, no duplicates and no zeros; the caller's matrix is left as it is.

    Args:
        summarise: `accumulators.summarise`, or `summarised` of a few vectors.

    Raises:
        InputError: vectors of another width than `dimensions`, a weight that is not finite, also after terms
            that come twice were added up, or a term that is no dimension.
    """
    matrix = _csr(vectors, dimensions)
    indptr, indices, data, summary = cleaned_arrays(summarise, matrix, dimensions)
    if not summary.ordered:
        matrix = sp.csr_matrix((data, indices, indptr), shape=matrix.shape)
    return matrix, summary


def cleaned_arrays(
    summarise: Summarise, vectors: sp.csr_matrix, dimensions: int, step: float = 1.0
) -> Cleaned:
    """The arrays of `cleaned_by`, of vectors times `step`; making a matrix of them would take longer than a
    query."""
    matrix = _csr(vectors, dimensions)
    indptr, indices, data = read_only(matrix.indptr), read_only(matrix.indices), matrix.data
    if step != 1:
        data = data * np.float32(step)
    data = read_only(data)
    _require_terms(indices, dimensions)
    ordered, finite, least, nearest, most = summarise(indptr, indices, data)
    if finite and not ordered:
        matrix = sp.csr_matrix((data, indices, indptr), shape=matrix.shape, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        indptr, indices, data = read_only(matrix.indptr), read_only(matrix.indices), read_only(matrix.data)
        _, finite, least, nearest, most = summarise(indptr, indices, data)
    if not finite:
        raise InputError("a vector holds a weight that is not finite", "check the model that made it")
    return Cleaned(indptr, indices, data, Summary(least, nearest, most, ordered))


def csr_arrays(vectors: sp.csr_matrix, dimensions: int) -> Queries:
    """The arrays of vectors as the loops of a search take them, unchecked. Raises InputError for vectors of
    another width than `dimensions`, or for too many."""
    matrix = _csr(vectors, dimensions)
    if len(matrix.data) > MOST_WEIGHTS:
        raise InputError(f"queries of {len(matrix.data)} weights", "search for fewer at once")
    return as_taken(matrix.indptr, INT32), as_taken(matrix.indices, INT32), as_taken(matrix.data, FLOAT32)


def as_taken(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array of the type that loops are compiled for, contiguous and writable; a copy where it is not."""
    if array.dtype is dtype and array.flags.carray:
        return array
    return np.array(array, dtype=dtype)


def _csr(vectors: sp.csr_matrix, dimensions: int) -> sp.csr_matrix:
    if vectors.shape[1] != dimensions:
        raise InputError(
            f"vectors have {vectors.shape[1]} dimensions, the index has {dimensions}",
            "encode with the model that made the index",
        )
    if not isinstance(vectors, sp.csr_matrix) or vectors.data.dtype != np.float32:
        return as_csr(vectors)
    return vectors


def _require_terms(terms: NDArray[Any], dimensions: int) -> None:
    """Raises InputError for one that is no dimension: loops would read, or write, beside their arrays."""
    if len(terms) and not 0 <= terms.min() <= terms.max() < dimensions:
        wrong = terms[(terms < 0) | (terms >= dimensions)][0]
        raise InputError(
            f"a vector has term {wrong} of {dimensions} dimensions", "dimensions are counted from 0"
        )
