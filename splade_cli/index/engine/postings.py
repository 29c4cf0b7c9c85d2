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

import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.engine.arrays import DTYPES, GROWING, VECTORS, Arrays, positive_products, read_only
from splade_cli.index.engine.guards import guard_of
from splade_cli.index.engine.running.queries import Asked, Damaged, Lists, Unclean, best_rows
from splade_cli.index.engine.uncompiled import scoring
from splade_cli.index.engine.uncompiled.cleaning import (
    Summarise,
    as_taken,
    cleaned_arrays,
    csr_arrays,
    summarised,
)

MOST_RESULTS = (1 << 31) - 1
BOOL = np.dtype(np.bool_)
NO_MASK = np.empty(0, dtype=np.uint8)
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
    step: float = 1.0
    file: MappedFile | None = None

    @cached_property
    def _lists(self) -> Lists:
        """The same as the loops take it."""
        postings, planes = (tuple(self.arrays[name] for name in names) for names in (_LISTS, _PLANES))
        guard = guard_of(self.arrays, self.vectors if len(self.vectors[0]) else (), self.file)
        return Lists.of(postings, planes, self.vectors, guard, self.shape[0])

    @classmethod
    def build(cls, vectors: sp.csr_matrix) -> Postings:
        """Postings in memory of CSR vectors [rows, dimensions], whose arrays are shared where they are
        contiguous; do not change them after.

        Raises:
            InputError: a weight that is not finite, or a term that is no dimension.
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
        given = (matrix.indptr, matrix.indices, matrix.data)
        parts = [
            np.ascontiguousarray(array, dtype=dtype)
            for array, dtype in zip(given, VECTORS.values(), strict=True)
        ]
        return cls.of(arrays | {"about": about, "blocks": blocks}, tuple(parts))

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
        return cls(shape, stored, tuple(map(read_only, given)), step, file)

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
            threads: at most so many, all cores by default. Many queries are shared out among them, or the
                blocks of each in turn where that gives work to more of them; one query of few rows runs on
                one. The results have the same bits.

        Returns:
            Row numbers int64 [q, k] and scores float32 [q, k]; a row that shares no term with the query is no
            result, and missing ones are -1 and -inf.

        Raises:
            InputError: k below 1, queries of another width, with weights that are not finite or with terms
                that are no dimension, or a mask of another length.
            IndexFolderError: what was read for the queries is damaged.
        """
        if not 1 <= k <= MOST_RESULTS:
            require_positive(k=k)
            raise InputError(f"k is {k}, and at most {MOST_RESULTS} rows are found", "ask for fewer")
        if scoring.COMPILED not in sys.modules and (queries.shape[0] == 1 or not scoring.is_kept()):
            found = self._search_uncompiled(queries, k, allowed)
            if found is not None:
                return found
        mask = NO_MASK
        if allowed is not None:
            self._require_mask(allowed)
            mask = as_taken(allowed, BOOL).view(np.uint8)
        try:
            try:
                asked = Asked(csr_arrays(queries, self.shape[1]), self.step, mask, k)
                return best_rows(self._lists, asked, threads)
            except Unclean:
                indptr, indices, data, _ = cleaned_arrays(_summarise(), queries, self.shape[1], self.step)
                matrix = sp.csr_matrix((data, indices, indptr), shape=queries.shape)
                asked = Asked(csr_arrays(matrix, self.shape[1]), 1.0, mask, k)
                return best_rows(self._lists, asked, threads)
        except Damaged:
            assert self.file is not None
            raise self.file.damage(LIE) from None

    def _search_uncompiled(
        self, queries: sp.csr_matrix, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """`search` in NumPy, None where compiled loops are worth being loaded."""
        bounds, terms, weights, summary = cleaned_arrays(summarised, queries, self.shape[1], self.step)
        if allowed is not None:
            self._require_mask(allowed)
        lists = scoring.Lists(self._lists.postings, self.arrays["about"], self.file, self.shape[0])
        positive = positive_products(summary.least, summary.nearest, summary.most, self.arrays["about"])
        rows = np.full((queries.shape[0], k), -1, dtype=np.int64)
        scores = np.full((queries.shape[0], k), -np.inf, dtype=np.float32)
        for number in range(queries.shape[0]):
            part = slice(bounds[number], bounds[number + 1])
            try:
                keys = scoring.best_keys(terms[part], weights[part], lists, k, positive, allowed)
            except ValueError:
                assert self.file is not None
                raise self.file.damage(LIE) from None
            if keys is None:
                return None
            rows[number : number + 1], scores[number : number + 1] = scoring.unpacked(keys, k)
        return rows, scores

    def _require_mask(self, allowed: NDArray[np.bool_]) -> None:
        if allowed.shape != (self.shape[0],):
            raise InputError(
                f"a mask of {allowed.shape} for {self.shape[0]} rows", "give one truth value a row"
            )

    def require_whole(self) -> None:
        """Raises IndexFolderError where anything in the postings is damaged, or does not fit together."""
        from splade_cli.index.engine.running.answering import block_fits

        if self.file is None:
            return
        self.file.require_arrays(*self.arrays.values())
        blocks = self.arrays["blocks"].reshape(-1, 3)
        for block in range(len(blocks) - 1):
            terms, directory = (
                self.arrays[name][blocks[block, number] : blocks[block + 1, number]]
                for number, name in enumerate(("terms", "directory"))
            )
            buckets = np.arange(len(directory), dtype=np.int64) << int(blocks[block, 2])
            fits = block_fits(self._lists.addresses, self._lists.kind, block)
            if not fits or not np.array_equal(directory, np.searchsorted(terms, buckets)):
                raise self.file.damage(LIE)


@lru_cache(maxsize=1)
def _summarise() -> Summarise:
    """The compiled loop, which is loaded when something is searched for first."""
    from splade_cli.index.engine.accumulators import summarise

    return summarise
