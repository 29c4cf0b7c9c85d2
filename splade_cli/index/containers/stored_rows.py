"""Rows of a CSR matrix, in memory or in a mapped file, where they are checked when they are first read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.index.containers.mapped_file import MappedFile

PIECE = 1 << 22
"""Weights that are read at once."""
LIE = "pointers or columns of its vectors do not fit"
Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


class StoredRows:
    """A matrix [rows, columns] of which rows are read one by one, or all.

    Args:
        arrays: data, indices and indptr of CSR, views of `file` where there is one.
        shape: rows and columns.
        file: where they lie; None in memory.

    Raises:
        ValueError: arrays of other lengths than `shape` asks for.
    """

    def __init__(self, arrays: Arrays, shape: tuple[int, int], file: MappedFile | None) -> None:
        data, indices, indptr = arrays
        if len(indptr) != shape[0] + 1 or len(indices) != len(data):
            raise ValueError("pointers of vectors do not fit")
        if file is not None:
            file.require_arrays(indptr[:1], indptr[-1:])
        if indptr[0] != 0 or indptr[-1] != len(data):
            raise ValueError("pointers of vectors do not fit")
        self.arrays = arrays
        self.shape = shape
        self._file = file

    @classmethod
    def of(cls, matrix: sp.csr_matrix) -> StoredRows:
        """Of a matrix in memory."""
        rows = cls((matrix.data, matrix.indices, matrix.indptr), matrix.shape, None)
        rows.__dict__["whole"] = matrix
        return rows

    @property
    def nnz(self) -> int:
        """Weights of all rows."""
        return len(self.arrays[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the weights."""
        return self.arrays[0].dtype

    def row(self, number: int) -> sp.csr_matrix:
        """CSR [1, columns] of a row. Raises IndexFolderError where it is damaged."""
        return self.some([number])

    def some(self, numbers: Sequence[int]) -> sp.csr_matrix:
        """CSR [len(numbers), columns] of rows. Raises IndexFolderError where one is damaged."""
        data, indices, indptr = self.arrays
        if self._file is None:
            return self.whole[list(numbers)]
        weights = [data[:0]]
        columns = [indices[:0]]
        starts = [0]
        for number in numbers:
            self._file.require_arrays(indptr[number : number + 2])
            start, end = int(indptr[number]), int(indptr[number + 1])
            if not 0 <= start <= end <= len(data):
                raise self._file.damage(LIE)
            self._file.require_arrays(data[start:end], indices[start:end])
            weights.append(data[start:end])
            columns.append(indices[start:end])
            starts.append(starts[-1] + end - start)
        found = np.concatenate(weights)
        where = np.concatenate(columns)
        if not self._within(where) or not np.isfinite(found).all():
            raise self._file.damage(LIE)
        return sp.csr_matrix(
            (found, where, np.array(starts)), shape=(len(numbers), self.shape[1]), copy=False
        )

    def block(self, start: int, end: int) -> sp.csr_matrix:
        """CSR [end - start, columns] of consecutive rows over the arrays, whose columns stay int32 however
        many weights all rows have together. Raises IndexFolderError where one is damaged."""
        data, indices, indptr = self.arrays
        pointers = indptr[start : end + 1]
        if self._file is not None:
            self._file.require_arrays(pointers)
        first, last = int(pointers[0]), int(pointers[-1])
        if self._file is not None:
            if not 0 <= first <= last <= len(data) or np.any(np.diff(pointers) < 0):
                raise self._file.damage(LIE)
            self._file.require_arrays(data[first:last], indices[first:last])
            if not self._within(indices[first:last]):
                raise self._file.damage(LIE)
        parts = (data[first:last], indices[first:last], pointers - first)
        return sp.csr_matrix(parts, shape=(end - start, self.shape[1]), copy=False)

    def blocks(self) -> Iterator[tuple[int, sp.csr_matrix]]:
        """All rows in blocks of about PIECE weights, each with the number of its first row; see `block`."""
        mean = max(1.0, self.nnz / max(1, self.shape[0]))
        step = max(1, int(PIECE // mean))
        for start in range(0, self.shape[0], step):
            yield start, self.block(start, min(start + step, self.shape[0]))

    @cached_property
    def whole(self) -> sp.csr_matrix:
        """CSR [rows, columns] over the arrays; of more than 2^31 - 1 weights SciPy copies the columns, in
        eight bytes each. Raises IndexFolderError where anything is damaged."""
        self.require_whole()
        data, indices, indptr = self.arrays
        return sp.csr_matrix((data, indices, indptr), shape=self.shape, copy=False)

    def require_whole(self) -> None:
        """Raises IndexFolderError where anything is damaged, or points elsewhere."""
        if self._file is None:
            return
        data, indices, indptr = self.arrays
        self._file.require_arrays(indptr, indices, data)
        fits = not np.any(np.diff(indptr) < 0)
        for start in range(0, len(indices), PIECE):
            fits = fits and self._within(indices[start : start + PIECE])
        if not fits:
            raise self._file.damage(LIE)

    def _within(self, columns: NDArray[Any]) -> bool:
        return not len(columns) or bool(columns.min() >= 0 and columns.max() < self.shape[1])
