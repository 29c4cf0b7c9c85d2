"""Posting lists, searched exactly: the k rows of largest dot product with a query.

"Exact" means: a score is the dot product, its products and sums rounded to float32 and added in ascending
order of terms, whichever way the rows were found; scores that are equal as such are ordered by row number. A
stored zero is no term.

Rows found by their bounds are scored from their own vectors, which are shared with whoever holds them, not
kept twice. Where they are missing all postings are added up, with the same results.

Weights are float32, or counts of a `step` in 8 or 16 bits, see `impacts`; then the vectors' are so too, and
queries are multiplied by the step, which changes no bit of a score.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.engine.arrays import DTYPES, GROWING, VECTORS, Arrays, read_only
from splade_cli.index.engine.guards import Guard, guard_of
from splade_cli.index.engine.uncompiled import scoring
from splade_cli.index.engine.uncompiled.cleaning import Summary, cleaned_by, summarised

MOST_RESULTS = (1 << 31) - 1
NO_MASK = read_only(np.empty(0, dtype=np.uint8))
LIE = "its postings do not fit together"
_LISTS = ("blocks", "directory", "terms", "starts", "rows", "weights")
_PLANES = ("plane_of", "plane_starts", "scales", "levels")


@dataclass(frozen=True, eq=False)
class Postings:
    """An exact inverted index; immutable, and safe to search from several threads.

    Attributes:
        shape: rows and dimensions.
        arrays: by name; N postings of T terms (counted anew in each of B blocks), P planes:
            ``about`` float64 [6]: rows, dimensions, smallest weight, smallest and largest absolute weight,
            and 1 where the vectors that were given are in order; ``blocks`` int64 [3 (B + 1)]: where a
            block's terms and directory begin, and the directory's shift; ``directory`` int32: see
            `accumulators.find_terms`; ``terms`` int32 [T]; ``starts`` int64 [T + 1]: where a term's postings
            begin; ``rows`` uint16 [N], counted from the block's first; ``weights`` float32, uint8 or uint16
            [N]; ``plane_of`` int32 [T]: the term's plane or -1; ``plane_starts`` int64 [P + 1]; ``scales``
            float32 [P]; ``levels`` uint8: a byte a group of rows, see `blockmax`.
        vectors: indptr int64 [rows + 1], indices int32 [N], data [N] as ``weights``; empty where missing.
        step: what a weight of 1 is worth, a power of two.
        file: where the arrays lie; None in memory.
    """

    shape: tuple[int, int]
    arrays: Arrays
    vectors: tuple[NDArray[Any], ...]
    _lists: tuple[NDArray[Any], ...]
    _planes: tuple[NDArray[Any], ...]
    _guard: Guard
    step: float = 1.0
    file: MappedFile | None = None
    _scratch: deque[tuple[NDArray[Any], ...]] = field(default_factory=deque, repr=False)

    @cached_property
    def _weights(self) -> tuple[float, float, float]:
        """The smallest weight, the smallest and the largest absolute one."""
        _, _, least, nearest, most, _ = self.arrays["about"].tolist()
        return least, nearest, most

    @classmethod
    def build(cls, vectors: sp.csr_matrix) -> Postings:
        """Postings in memory of CSR vectors [rows, dimensions], whose arrays are shared; do not change them
        after.

        Raises:
            InputError: a weight that is not finite.
        """
        from splade_cli.index.engine import inversion

        matrix, _ = inversion.cleaned(vectors, vectors.shape[1])
        collected: dict[str, list[NDArray[Any]]] = {name: [] for name in GROWING}
        about, blocks = inversion.invert_blocks(
            [matrix], matrix.shape[1], lambda name, values: collected[name].append(values)
        )
        arrays = {}
        for name in GROWING:  # one after the other, so that the pieces of only one array are there twice
            pieces = collected.pop(name) or [np.empty(0, dtype=DTYPES[name])]
            arrays[name] = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.data)
        return cls.of(arrays | {"about": about, "blocks": blocks}, parts)

    @classmethod
    def of(
        cls,
        arrays: Arrays,
        vectors: tuple[NDArray[Any], ...],
        step: float = 1.0,
        file: MappedFile | None = None,
    ) -> Postings:
        """Over arrays, all of which are views of `file` where there is one."""
        kinds = VECTORS | {"data": arrays["weights"].dtype}  # loops are compiled for these types

        given = vectors or tuple(np.empty(0, dtype=dtype) for dtype in kinds.values())
        shape = (int(arrays["about"][0]), int(arrays["about"][1]))
        stored = {name: read_only(array) for name, array in arrays.items()}
        lists, planes = (tuple(stored[name] for name in names) for names in (_LISTS, _PLANES))
        guard = guard_of(stored, vectors, file)
        return cls(shape, stored, tuple(map(read_only, given)), lists, planes, guard, step, file)

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
            result, and missing ones are -1 and -inf.

        Raises:
            InputError: k below 1, queries of another width or with weights that are not finite, or a mask of
                another length.
            IndexFolderError: what was read for the queries is damaged.
        """
        require_positive(k=k)
        if k > MOST_RESULTS:
            raise InputError(f"k is {k}, and at most {MOST_RESULTS} rows are found", "ask for fewer")
        if self.step != 1:
            queries = sp.csr_matrix(queries, dtype=np.float32) * np.float32(self.step)
        if scoring.COMPILED not in sys.modules and queries.shape[0] == 1:
            found = self._search_uncompiled(queries, k, allowed)
            if found is not None:
                return found
        loops = _loops()
        matrix, summary = loops.cleaned(queries, self.shape[1])
        mask = NO_MASK
        if allowed is not None:
            self._require_mask(allowed)
            mask = read_only(np.ascontiguousarray(allowed, dtype=np.bool_).view(np.uint8))
        count = matrix.shape[0]
        numbers = np.empty((count, k), dtype=np.int64)
        scores = np.empty((count, k), dtype=np.float32)
        positive = self._positive(summary)
        workers = 1
        if count > 1:
            workers = min(count, threads or os.cpu_count() or 1)
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                futures = [
                    pool.submit(
                        self._run, range(first, count, workers), matrix, positive, mask, numbers, scores
                    )
                    for first in range(workers)
                ]
                for future in futures:
                    future.result()
        else:
            self._run(range(count), matrix, positive, mask, numbers, scores)
        return numbers, scores

    def _search_uncompiled(
        self, query: sp.csr_matrix, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """`search` of one query in NumPy, None where compiled loops are worth being loaded."""
        matrix, summary = cleaned_by(summarised, query, self.shape[1])
        if allowed is not None:
            self._require_mask(allowed)
        lists = scoring.Lists(self._lists, self.arrays["about"], self.file, self.shape[0])
        positive = self._positive(summary)
        try:
            keys = scoring.best_keys(matrix.indices, matrix.data, lists, k, positive, allowed)
        except ValueError:
            assert self.file is not None
            raise self.file.damage(LIE) from None
        return None if keys is None else scoring.unpacked(keys, k)

    def _require_mask(self, allowed: NDArray[np.bool_]) -> None:
        if allowed.shape != (self.shape[0],):
            raise InputError(
                f"a mask of {allowed.shape} for {self.shape[0]} rows", "give one truth value a row"
            )

    def require_whole(self) -> None:
        """Raises IndexFolderError where anything in the postings is damaged, or does not fit together."""
        from splade_cli.index.engine import blockmax, verification
        from splade_cli.index.engine.accumulators import BLOCK

        if self.file is None:
            return
        self.file.require_arrays(*self.arrays.values())
        blocks = self.arrays["blocks"].reshape(-1, 3)
        for block in range(len(blocks) - 1):
            size = min(BLOCK, self.shape[0] - block * BLOCK)
            groups = (size + blockmax.GROUP - 1) >> blockmax.SHIFT
            terms, directory = (
                self.arrays[name][blocks[block, number] : blocks[block + 1, number]]
                for number, name in enumerate(("terms", "directory"))
            )
            buckets = np.arange(len(directory), dtype=np.int64) << int(blocks[block, 2])
            fits = verification.whole_block_fits(block, size, groups, self._lists, self._planes, self._guard)
            if not fits or not np.array_equal(directory, np.searchsorted(terms, buckets)):
                raise self.file.damage(LIE)

    def _positive(self, queries: Summary) -> bool:
        """Whether every product is above zero, also when rounded, and no sum can leave the range of
        float32."""
        least, nearest, most = self._weights
        smallest = queries.nearest * nearest
        largest = queries.most * most * self.shape[1]
        return queries.least > 0 and least > 0 and smallest > 1e-37 and largest < 1e37

    def _run(
        self,
        which: range,
        queries: sp.csr_matrix,
        positive: bool,
        mask: NDArray[np.uint8],
        numbers: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> None:
        """Fills the rows `which` of `numbers` and `scores`."""
        loops = _loops()
        k = min(numbers.shape[1], self.shape[0])
        room = np.empty(2 * k + 16, dtype=np.int64)
        try:
            scratch = self._scratch.pop()
        except IndexError:  # all of them are in use by other threads
            scratch = loops.scratch()
        indices = read_only(queries.indices)
        data = read_only(queries.data)
        indptr = queries.indptr.tolist()
        for number in which:
            start, end = indptr[number], indptr[number + 1]
            query = (indices[start:end], data[start:end], self._lists, self._planes)
            filled = 0
            if k and positive:
                filled = loops.search_positive(
                    *query, self.vectors, self._guard, self.shape[0], k, mask, scratch, room
                )
            elif k:
                filled = loops.search_signed(*query, self._guard, self.shape[0], k, mask, scratch[0], room)
            if filled < 0:
                assert self.file is not None
                raise self.file.damage(LIE)
            room[:filled].sort()
            loops.unpack(room, filled, numbers[number], scores[number])
        self._scratch.append(scratch)


class _Loops(NamedTuple):
    """The compiled loops of a search."""

    cleaned: Callable[..., Any]
    scratch: Callable[..., Any]
    search_positive: Callable[..., Any]
    search_signed: Callable[..., Any]
    unpack: Callable[..., Any]


@lru_cache(maxsize=1)
def _loops() -> _Loops:
    """The loops, which are loaded when something is searched for first."""
    from splade_cli.index.engine.accumulators import unpack
    from splade_cli.index.engine.inversion import cleaned
    from splade_cli.index.engine.signed import search_signed
    from splade_cli.index.engine.topk import scratch, search_positive

    return _Loops(cleaned, scratch, search_positive, search_signed, unpack)
