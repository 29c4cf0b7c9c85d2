"""Rows that another engine proposes in, exact top-k rows out, as the exact engine gives them; knows no such engine.

An engine may be approximate or round its weights: what it proposes is scored again with the vectors, so scores, their
order and all explanations are the same whichever engine found the rows. Only a row that it missed is missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.two_step import scored
from splade_cli.errors import InputError, require_positive

FEW = 1000
"""So many allowed rows are scored one by one: no engine is faster at that."""


class Library(ABC):
    """An engine of another library, opened from the folder that `build` filled."""

    package: str
    """Its name on PyPI."""
    extra: str
    """Ours that installs it."""

    @abstractmethod
    def __init__(self, folder: Path) -> None: ...

    @classmethod
    @abstractmethod
    def build(cls, vectors: sp.csr_matrix, folder: Path) -> None:
        """Fills an empty `folder`. Raises InputError for vectors that the engine cannot take."""

    @abstractmethod
    def propose(self, queries: sp.csr_matrix, count: int, threads: int | None) -> list[NDArray[np.int64]]:
        """About the `count` best rows of each query, fewer where there are fewer, in any order, each once."""


class CandidateSearch:
    """A `Library` over `vectors` [rows, dimensions]; searched as `Postings` are.

    `keeps` is held as long as this is, for a temporary folder that the library reads from.
    """

    def __init__(self, library: Library, vectors: sp.csr_matrix, keeps: Any = None) -> None:
        self.shape: tuple[int, int] = (int(vectors.shape[0]), int(vectors.shape[1]))
        self._library, self._vectors, self._keeps = library, vectors, keeps

    def search(
        self,
        queries: sp.csr_matrix,
        k: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `Postings.search`, of the rows that the library proposes.

        It is asked for twice k rows, since its order may differ; under a mask for as many more as the mask leaves
        out, again and again until k allowed rows came or there are no more.

        Raises:
            InputError: k below 1, queries of another width, or a mask of another length.
        """
        require_positive(k=k)
        matrix = sp.csr_matrix(queries, dtype=np.float32)
        if not matrix.has_canonical_format or not matrix.data.all():
            matrix = matrix.copy()
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        if matrix.shape[1] != self.shape[1]:
            raise InputError(
                f"queries have {matrix.shape[1]} dimensions, the index has {self.shape[1]}",
                "encode queries with the model that made the index",
            )
        if allowed is not None and allowed.shape != (self.shape[0],):
            raise InputError(
                f"a mask of {allowed.shape} for {self.shape[0]} rows", "give one truth value a row"
            )
        found = self._rows(matrix, k, allowed, threads)
        rows = np.full((len(found), max(map(len, found), default=0)), -1, dtype=np.int64)
        for place, each in enumerate(found):
            rows[place, : len(each)] = each
        return scored(self._vectors, matrix, rows, k)

    def _rows(
        self, queries: sp.csr_matrix, k: int, allowed: NDArray[np.bool_] | None, threads: int | None
    ) -> list[NDArray[np.int64]]:
        if allowed is None:
            return self._library.propose(queries, min(2 * k, self.shape[0]), threads)
        passing = np.flatnonzero(allowed)
        if len(passing) <= max(FEW, 2 * k):
            return [passing] * queries.shape[0]
        count = min(2 * k * self.shape[0] // len(passing), self.shape[0])
        found: list[NDArray[np.int64]] = [passing[:0]] * queries.shape[0]
        waiting = np.arange(queries.shape[0])
        while len(waiting):
            proposed = self._library.propose(queries[waiting], count, threads)
            short = []
            for place, rows in zip(waiting, proposed, strict=True):
                found[place] = rows[allowed[rows]]
                if len(found[place]) < k and len(rows) >= count < self.shape[0]:
                    short.append(place)
            waiting, count = np.array(short, dtype=np.int64), min(4 * count, self.shape[0])
        return found
