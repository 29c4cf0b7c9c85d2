"""Inversion of CSR vectors: the posting lists of blocks of 65,536 rows, one block in memory at a time.

A block lists its own terms, so a term costs nothing in a block where it does not come, and 4,000,000
dimensions cost no more than those in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.index.engine.accumulators import BLOCK, summarise
from splade_cli.index.engine.arrays import DTYPES, GROWING, read_only
from splade_cli.index.engine.blockmax import SHIFT
from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.uncompiled.cleaning import Summary, cleaned_by

# a term has a plane in blocks where more than one of so many rows has it: one plane byte costs a fortieth of
# a posting
RARE = 48


NOTHING = Summary(np.inf, np.inf, 0.0, True)


class Block(NamedTuple):
    """One block's arrays; `starts`, `plane_of` and `plane_starts` count from the block's own beginning."""

    rows: int
    shift: int
    arrays: dict[str, NDArray[Any]]
    summary: Summary


@compiled
def count_terms(indices: NDArray[np.int32], counts: NDArray[np.int64]) -> None:
    """Adds to counts[t] how often t comes in `indices`."""
    for term in indices:
        counts[term] += 1


@compiled
def invert(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    data: NDArray[np.float32],
    free: NDArray[np.int64],
    rows: NDArray[np.uint16],
    weights: NDArray[np.float32],
) -> None:
    """Counting sort of one block's CSR rows by term; free[t] is the first position of term t and ends at its
    last."""
    for row in range(len(indptr) - 1):
        for position in range(indptr[row], indptr[row + 1]):
            target = free[indices[position]]
            free[indices[position]] = target + 1
            rows[target] = row
            weights[target] = data[position]


@compiled
def fill_planes(
    slots: NDArray[np.int64],
    starts: NDArray[np.int64],
    rows: NDArray[np.uint16],
    weights: NDArray[np.float32],
    levels: NDArray[np.uint8],
    scales: NDArray[np.float32],
) -> None:
    """Fills levels [planes, groups] and scales [planes] for the terms `slots` of one block, whose weights are
    > 0."""
    for plane in range(len(slots)):
        members = rows[starts[slots[plane]] : starts[slots[plane] + 1]]
        values = weights[starts[slots[plane]] : starts[slots[plane] + 1]]
        scale = values.max() / np.float32(255)
        # a hair more than the scale of the levels, against the rounding of the division and of the product
        scales[plane] = scale * np.float32(1 + 2**-21)
        for position in range(len(members)):
            level = np.uint8(min(255, np.ceil(values[position] / scale))) if scale > 0 else np.uint8(255)
            levels[plane, members[position] >> SHIFT] = max(level, levels[plane, members[position] >> SHIFT])


def cleaned(vectors: sp.csr_matrix, dimensions: int) -> tuple[sp.csr_matrix, Summary]:
    """`uncompiled.cleaning.cleaned_by` of any number of vectors, which are looked at once."""
    return cleaned_by(summarise, vectors, dimensions)


def blocks_of(parts: Iterable[sp.csr_matrix], dimensions: int) -> Iterator[Block]:
    """The postings of `parts`, rows in order, block by block. Raises InputError as `cleaned` does."""
    for matrix, summary in _pieces(parts, dimensions):
        yield _inverted(matrix, summary)


def _pieces(parts: Iterable[sp.csr_matrix], dimensions: int) -> Iterator[tuple[sp.csr_matrix, Summary]]:
    """The rows of `parts` in pieces of `BLOCK` rows, the last one shorter."""
    waiting: list[sp.csr_matrix] = []
    rows, summary = 0, NOTHING
    for part in parts:
        matrix, seen = cleaned(part, dimensions)
        summary = joined(summary, seen)
        start = 0
        while rows + matrix.shape[0] - start >= BLOCK:
            end = start + BLOCK - rows
            yield _stacked([*waiting, _rows(matrix, start, end)]), summary
            waiting, rows, start, summary = [], 0, end, seen
        if start < matrix.shape[0]:
            waiting.append(_rows(matrix, start, matrix.shape[0]))
            rows += matrix.shape[0] - start
    if waiting:
        yield _stacked(waiting), summary


def joined(one: Summary, other: Summary) -> Summary:
    """The summary of both together."""
    return Summary(
        min(one.least, other.least),
        min(one.nearest, other.nearest),
        max(one.most, other.most),
        one.ordered and other.ordered,
    )


def _rows(matrix: sp.csr_matrix, start: int, end: int) -> sp.csr_matrix:
    """Some rows without a copy of their terms and weights."""
    first, last = matrix.indptr[start], matrix.indptr[end]
    parts = (matrix.data[first:last], matrix.indices[first:last], matrix.indptr[start : end + 1] - first)
    return sp.csr_matrix(parts, shape=(end - start, matrix.shape[1]), copy=False)


def _stacked(pieces: list[sp.csr_matrix]) -> sp.csr_matrix:
    return pieces[0] if len(pieces) == 1 else sp.vstack(pieces, format="csr")


def _inverted(matrix: sp.csr_matrix, summary: Summary) -> Block:
    rows, dimensions = matrix.shape
    indptr = read_only(matrix.indptr.astype(np.int64))
    indices = read_only(matrix.indices.astype(np.int32, copy=False))
    counts = np.zeros(dimensions, dtype=np.int64)
    count_terms(indices, counts)
    terms = np.flatnonzero(counts).astype(np.int32)
    lengths = counts[terms]
    ends = np.cumsum(lengths)
    counts[terms] = ends - lengths
    numbers = np.empty(matrix.nnz, dtype=np.uint16)
    weights = np.empty(matrix.nnz, dtype=np.float32)
    invert(indptr, indices, read_only(matrix.data), counts, numbers, weights)
    starts = np.concatenate([[0], ends])
    shift = 0
    while ((dimensions - 1) >> shift) + 1 > max(64, 2 * len(terms)):
        shift += 1
    buckets = (max(0, dimensions - 1) >> shift) + 2
    directory = np.searchsorted(terms, np.arange(buckets, dtype=np.int64) << shift).astype(np.int32)
    frequent = np.flatnonzero(lengths * RARE > rows) if summary.least > 0 else np.empty(0, dtype=np.int64)
    plane_of = np.full(len(terms), -1, dtype=np.int32)
    plane_of[frequent] = np.arange(len(frequent), dtype=np.int32)
    groups = (rows + (1 << SHIFT) - 1) >> SHIFT
    levels = np.zeros((len(frequent), groups), dtype=np.uint8)
    scales = np.empty(len(frequent), dtype=np.float32)
    fill_planes(frequent, starts, numbers, weights, levels, scales)
    arrays = {
        "terms": terms,
        "starts": starts[1:],
        "directory": directory,
        "rows": numbers,
        "weights": weights,
        "plane_of": plane_of,
        "plane_starts": np.arange(1, len(frequent) + 1, dtype=np.int64) * groups,
        "scales": scales,
        "levels": levels.ravel(),
    }
    return Block(rows, shift, arrays, summary)


def invert_blocks(
    parts: Iterable[sp.csr_matrix], dimensions: int, take: Callable[[str, NDArray[Any]], None]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Hands the arrays of each block of `parts` to take(name, values); gives ``about`` and ``blocks``."""
    rows = 0
    terms = 0
    postings = 0
    levels = 0
    planes = 0
    directory = 0
    summary = NOTHING
    blocks: list[tuple[int, int, int]] = []
    take("starts", np.zeros(1, dtype=np.int64))
    take("plane_starts", np.zeros(1, dtype=np.int64))
    for block in blocks_of(parts, dimensions):
        arrays = block.arrays
        blocks.append((terms, directory, block.shift))
        arrays["starts"] += postings
        arrays["plane_starts"] += levels
        arrays["plane_of"][arrays["plane_of"] >= 0] += planes
        for name in GROWING:
            take(name, arrays[name].astype(DTYPES[name], copy=False))
        rows += block.rows
        terms += len(arrays["terms"])
        directory += len(arrays["directory"])
        postings += len(arrays["rows"])
        levels += len(arrays["levels"])
        planes += len(arrays["scales"])
        summary = joined(summary, block.summary)
    blocks.append((terms, directory, 0))
    about = [rows, dimensions, summary.least, summary.nearest, summary.most, summary.ordered]
    return np.array(about, dtype=np.float64), np.array(blocks, dtype=np.int64).ravel()
