"""CSR vectors in, exact top-k rows out, over posting lists that may lie in memory-mapped files; knows no text or model.

"Exact" means: a score is the dot product, its products and sums rounded to float32 and added in ascending order of
terms, whichever way the rows were found; scores that are equal as such are ordered by row number. A stored zero is no
term.

Rows found by their bounds are scored from their own vectors. These are shared, not kept twice: in memory with the
caller's matrix, on disk with vectors.indptr.npy (int64), vectors.indices.npy (int32) and vectors.data.npy (float32)
in the same folder. Where they are missing all postings are added up, with the same results.

Weights are float32, or counts of a `step` in 8 or 16 bits, see `impacts`; then the vectors' are so too, and queries are
multiplied by the step, which changes no bit of a score.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from splade_cli.errors import IndexFolderError, InputError, require_positive
from splade_cli.index.store.arrays import ArrayFile, frozen, mapped

_DTYPES = {
    "about": np.float64,
    "blocks": np.int64,
    "directory": np.int32,
    "terms": np.int32,
    "starts": np.int64,
    "rows": np.uint16,
    "weights": np.float32,
    "plane_of": np.int32,
    "plane_starts": np.int64,
    "scales": np.float32,
    "levels": np.uint8,
}
_GROWING = tuple(name for name in _DTYPES if name not in ("about", "blocks"))
_VECTORS = {"indptr": np.int64, "indices": np.int32, "data": np.float32}
_LISTS = ("blocks", "directory", "terms", "starts", "rows", "weights")
_PLANES = ("plane_of", "plane_starts", "scales", "levels")
_REBUILD = "make the index again from its vectors"
FILES = tuple(f"postings.{name}.npy" for name in _DTYPES)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Postings:
    """An exact inverted index; immutable, and safe to search from several threads.

    Attributes:
        shape: rows and dimensions.
        arrays: by name, see `FILES`; N postings of T terms (counted anew in each of B blocks), P planes:
            ``about`` float64 [6]: rows, dimensions, smallest weight, smallest and largest absolute weight, and 1 where
            the vectors that were given are in order; ``blocks`` int64 [3 (B + 1)]: where a block's terms and directory
            begin, and the directory's shift; ``directory`` int32: see `kernels.locate`; ``terms`` int32 [T];
            ``starts`` int64 [T + 1]: where a term's postings begin; ``rows`` uint16 [N], counted from the block's
            first; ``weights`` float32, uint8 or uint16 [N]; ``plane_of`` int32 [T]: the term's plane or -1;
            ``plane_starts`` int64 [P + 1]; ``scales`` float32 [P]; ``levels`` uint8: a byte a group of rows, see
            `blockmax`.
        vectors: indptr int64 [rows + 1], indices int32 [N], data [N] as ``weights``; empty where missing.
        step: what a weight of 1 is worth, a power of two.
    """

    shape: tuple[int, int]
    arrays: Arrays
    vectors: tuple[NDArray[Any], ...]
    _lists: tuple[NDArray[Any], ...]
    _planes: tuple[NDArray[Any], ...]
    step: float = 1.0
    _scratch: deque[tuple[NDArray[Any], ...]] = field(default_factory=deque, repr=False)

    @classmethod
    def build(cls, vectors: sp.csr_matrix) -> Postings:
        """Postings in memory of CSR vectors [rows, dimensions], whose arrays are shared; do not change them after.

        Raises:
            InputError: a weight that is not finite.
        """
        from splade_cli.index.engine.inversion import cleaned

        matrix, _ = cleaned(vectors, vectors.shape[1])
        collected: dict[str, list[NDArray[Any]]] = {name: [] for name in _GROWING}
        about, blocks = _fill([matrix], matrix.shape[1], lambda name, values: collected[name].append(values))
        arrays = {}
        for name in _GROWING:  # one after the other, so that the pieces of only one array are there twice
            pieces = collected.pop(name) or [np.empty(0, dtype=_DTYPES[name])]
            arrays[name] = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.data)
        return cls._of(arrays | {"about": about, "blocks": blocks}, parts)

    @classmethod
    def write(
        cls, folder: Path, parts: Iterable[sp.csr_matrix], dimensions: int, *, weights: DTypeLike = np.float32
    ) -> None:
        """Writes `FILES` into an existing folder; `parts` are rows in order, of which one block is held at a time.

        Args:
            weights: float32, or for `parts` of counts the uint8 or uint16 that holds them.

        Raises:
            InputError: parts of another width, or a weight that is not finite.
        """
        dtypes = _DTYPES | {"weights": np.dtype(weights)}
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(ArrayFile(folder / f"postings.{name}.npy", dtypes[name]))
                for name in _GROWING
            }
            about, blocks = _fill(parts, dimensions, lambda name, values: files[name].append(values))
        _warm(np.dtype(weights))
        np.save(folder / "postings.about.npy", about)
        np.save(folder / "postings.blocks.npy", blocks)

    @classmethod
    def open(cls, folder: Path, *, weights: DTypeLike = np.float32, step: float = 1.0) -> Postings:
        """Postings in memory-mapped files of `folder`, of which only headers and the ends of pointers are read.

        Args:
            weights: as they were written.
            step: what a count of 1 is worth, a power of two.

        Raises:
            IndexFolderError: a file is missing, cannot be read, or does not fit the others.
        """
        dtypes = _DTYPES | {"weights": np.dtype(weights)}
        arrays = {name: _opened(folder / f"postings.{name}.npy", dtype) for name, dtype in dtypes.items()}
        if not _fits(arrays):
            raise IndexFolderError(f"the index {folder} is damaged: postings pointers do not fit", _REBUILD)
        vectors: tuple[NDArray[Any], ...] = ()
        if arrays["about"][5] and all((folder / f"vectors.{name}.npy").is_file() for name in _VECTORS):
            kinds = _VECTORS | {"data": np.dtype(weights)}
            vectors = tuple(_opened(folder / f"vectors.{name}.npy", dtype) for name, dtype in kinds.items())
            indptr, postings = vectors[0], len(arrays["rows"])
            whole = len(indptr) == arrays["about"][0] + 1 and indptr[-1] == postings
            if not whole or not len(vectors[1]) == len(vectors[2]) == postings:
                raise IndexFolderError(
                    f"the index {folder} is damaged: vectors and postings do not fit", _REBUILD
                )
        return cls._of(arrays, vectors, step)

    @classmethod
    def _of(cls, arrays: Arrays, vectors: tuple[NDArray[Any], ...], step: float = 1.0) -> Postings:
        kinds = _VECTORS | {"data": arrays["weights"].dtype}  # loops are compiled for these types
        given = vectors or tuple(np.empty(0, dtype=dtype) for dtype in kinds.values())
        shape = (int(arrays["about"][0]), int(arrays["about"][1]))
        kept = {name: frozen(array) for name, array in arrays.items()}
        lists, planes = (tuple(kept[name] for name in names) for names in (_LISTS, _PLANES))
        return cls(shape, kept, tuple(map(frozen, given)), lists, planes, step)

    def search(
        self,
        queries: sp.csr_matrix,
        k: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k rows of largest dot product with each query, best first, equal scores by row number.

        Args:
            queries: [q, dimensions].
            k: rows wanted, at least 1.
            allowed: bool [rows], the rows that may be results; all by default.
            threads: for many queries, all cores by default; one query runs on one.

        Returns:
            Row numbers int64 [q, k] and scores float32 [q, k]; a row that shares no term with the query is no
            result, and empty places hold -1 and -inf.

        Raises:
            InputError: k below 1, queries of another width or with weights that are not finite, or a mask of another
                length.
        """
        from splade_cli.index.engine import accumulate as kernels
        from splade_cli.index.engine import inversion

        require_positive(k=k)
        stepped = (
            queries if self.step == 1 else sp.csr_matrix(queries, dtype=np.float32) * np.float32(self.step)
        )
        matrix, summary = inversion.cleaned(stepped, self.shape[1])
        mask = np.empty(0, dtype=np.uint8)
        if allowed is not None:
            if allowed.shape != (self.shape[0],):
                raise InputError(
                    f"a mask of {allowed.shape} for {self.shape[0]} rows", "give one truth value a row"
                )
            mask = np.ascontiguousarray(allowed, dtype=np.bool_).view(np.uint8)
        count = matrix.shape[0]
        keys = np.full((count, k), kernels.EMPTY, dtype=np.int64)
        workers = min(count, threads or os.cpu_count() or 1) if count > 1 else 1
        arguments = (matrix, self._positive(summary), min(k, self.shape[0]), frozen(mask), keys)
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                for future in [
                    pool.submit(self._run, first, workers, *arguments) for first in range(workers)
                ]:
                    future.result()
        elif min(k, self.shape[0]):
            self._run(0, 1, *arguments)
        keys.sort(axis=1)
        numbers, scores = np.empty((count, k), dtype=np.int64), np.empty((count, k), dtype=np.float32)
        kernels.unpack(keys, numbers, scores)
        return numbers, scores

    def _positive(self, queries: Any) -> bool:
        """Whether every product is above zero, also when rounded, and no sum can leave the range of float32."""
        _, dimensions, least, nearest, most, _ = self.arrays["about"]
        smallest, largest = float(queries.nearest) * nearest, float(queries.most) * most * dimensions
        return bool(queries.least > 0 and least > 0 and smallest > 1e-37 and largest < 1e37)

    def _run(
        self,
        first: int,
        step: int,
        queries: sp.csr_matrix,
        positive: bool,
        k: int,
        mask: NDArray[np.uint8],
        keys: NDArray[np.int64],
    ) -> None:
        """Fills the rows first, first + step, ... of `keys`."""
        from splade_cli.index.engine import topk as scan

        room = np.empty(2 * k + 16, dtype=np.int64)
        try:
            scratch = self._scratch.pop()
        except IndexError:  # all of them are in use by other threads
            scratch = scan.scratch()
        indptr, indices, data = queries.indptr, frozen(queries.indices), frozen(queries.data)
        for number in range(first, queries.shape[0], step):
            span = slice(indptr[number], indptr[number + 1])
            query = (indices[span], data[span])
            if positive:
                found = scan.search_positive(
                    *query, self._lists, self._planes, self.vectors, self.shape[0], k, mask, scratch, room
                )
            else:
                found = scan.search_signed(*query, self._lists, self.shape[0], k, mask, scratch[0], room)
            keys[number, :found] = room[:found]
        self._scratch.append(scratch)


def _warm(weights: np.dtype[Any]) -> None:
    """Has the loops of a search compiled for weights of a type, and kept on disk where that can be, so that no first
    query waits for it."""
    one = sp.csr_matrix(np.ones((1, 1), dtype=np.float32))
    built = Postings.build(one)
    indptr, indices, data = built.vectors
    arrays = built.arrays | {"weights": built.arrays["weights"].astype(weights)}
    postings = Postings._of(arrays, (indptr, indices, data.astype(weights)))
    for query in (one, -one):
        postings.search(query, 1)


def _fill(parts: Iterable[Any], dimensions: int, take: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Hands the arrays of each block of `parts` to take(name, values); gives ``about`` and ``blocks``."""
    from splade_cli.index.engine import inversion

    rows, terms, postings, places, planes, shelves = 0, 0, 0, 0, 0, 0
    summary, blocks = inversion.NOTHING, []
    take("starts", np.zeros(1, dtype=np.int64))
    take("plane_starts", np.zeros(1, dtype=np.int64))
    for block in inversion.blocks_of(parts, dimensions):
        arrays = block.arrays
        blocks.append((terms, shelves, block.shift))
        arrays["starts"] += postings
        arrays["plane_starts"] += places
        arrays["plane_of"][arrays["plane_of"] >= 0] += planes
        for name in _GROWING:
            take(name, arrays[name].astype(_DTYPES[name], copy=False))
        rows += block.rows
        terms += len(arrays["terms"])
        shelves += len(arrays["directory"])
        postings += len(arrays["rows"])
        places += len(arrays["levels"])
        planes += len(arrays["scales"])
        summary = inversion.joined(summary, block.summary)
    blocks.append((terms, shelves, 0))
    about = [rows, dimensions, summary.least, summary.nearest, summary.most, summary.ordered]
    return np.array(about, dtype=np.float64), np.array(blocks, dtype=np.int64).ravel()


def _opened(path: Path, dtype: Any) -> NDArray[Any]:
    try:
        array = mapped(path)
    except (OSError, ValueError, EOFError) as error:
        raise IndexFolderError(
            f"the index {path.parent} is damaged: {path.name} ({error})", _REBUILD
        ) from None
    if array.dtype != dtype or array.ndim != 1:
        raise IndexFolderError(f"the index {path.parent} is damaged: {path.name} has another type", _REBUILD)
    return array


def _fits(arrays: Arrays) -> bool:
    """Whether the lengths of the arrays agree with each other and with the pointers into them."""
    size = {name: len(array) for name, array in arrays.items()}
    if (
        size["about"] != 6
        or size["blocks"] % 3
        or not size["blocks"]
        or not size["starts"]
        or not size["plane_starts"]
    ):
        return False
    rows, blocks = int(arrays["about"][0]), arrays["blocks"].reshape(-1, 3)
    return bool(
        0 <= rows <= (len(blocks) - 1) << 16 < rows + (1 << 16)
        and np.all(np.diff(blocks[:, :2], axis=0) >= 0)
        and blocks[-1, 0] == size["terms"] == size["plane_of"] == size["starts"] - 1
        and blocks[-1, 1] == size["directory"]
        and arrays["starts"][-1] == size["rows"] == size["weights"]
        and size["scales"] == size["plane_starts"] - 1
        and arrays["plane_starts"][-1] == size["levels"]
    )
