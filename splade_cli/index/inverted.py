"""CSR vectors in, exact top-k rows out, over postings that may lie in memory-mapped files; knows no text and no model.

A posting list holds, for one dimension, the rows that are active in it and their weights. A query adds up
``query weight * document weight`` term at a time, so scores are exact dot products in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.index import storage

Row = dict[str, Any]


@dataclass
class SpladeIndex:
    """An exact inverted index.

    Attributes:
        vectors: CSR float32 [rows, V], the documents as they were given.
        postings: CSC of the same, row numbers ascending in each column.
        rows: one record a row: ``id`` and, where known, ``text``, ``title``, ``document_id``, ``metadata``.
        vocabulary: names of the columns; may be empty.
        model: ``name``, ``identity`` and settings of the encoder, empty where unknown.
        folder: where it was opened from, None for one in memory.
        query: how queries are encoded without the model (``kind`` and its settings), None where only the model does.
        query_folder: the index folder that holds the files of `query`.
    """

    vectors: sp.csr_matrix
    postings: sp.csc_matrix
    rows: Sequence[Row]
    vocabulary: Sequence[str] = ()
    model: dict[str, Any] | None = None
    folder: Path | None = None
    query: dict[str, Any] | None = None
    query_folder: Path | None = None

    @classmethod
    def from_vectors(
        cls,
        vectors: sp.spmatrix,
        ids: Sequence[str] | None = None,
        texts: Sequence[str] | None = None,
        *,
        rows: Sequence[Row] | None = None,
        vocabulary: Sequence[str] = (),
        model: dict[str, Any] | None = None,
    ) -> SpladeIndex:
        """An index in memory.

        Args:
            vectors: [n, V], any SciPy sparse kind; negative weights are allowed, stored zeros are dropped.
            ids: n unique names; row numbers as text by default.
            texts: n texts, for snippets.
            rows: instead of ids and texts, n records with at least ``id``.

        Raises:
            InputError: counts that differ, an id that comes twice, a weight that is not finite.
        """
        matrix = sp.csr_matrix(vectors, dtype=np.float32, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        count = matrix.shape[0]
        if not np.isfinite(matrix.data).all():
            raise InputError("a document vector holds a weight that is not finite", "check the model that made it")
        if rows is None:
            names = list(ids) if ids is not None else [str(number) for number in range(count)]
            bodies = list(texts) if texts is not None else [""] * count
            if len(names) != count or len(bodies) != count:
                raise InputError(f"{count} vectors, {len(names)} ids and {len(bodies)} texts", "give one of each a row")
            rows = [{"id": name, "text": body} for name, body in zip(names, bodies, strict=True)]
        if len(rows) != count:
            raise InputError(f"{count} vectors and {len(rows)} records", "give one record a row")
        seen: set[str] = set()
        for row in rows:
            if row["id"] in seen:
                raise InputError(f"the id '{row['id']}' comes twice", "ids must be unique in an index")
            seen.add(row["id"])
        return cls(matrix, sp.csc_matrix(matrix), rows, vocabulary, model)

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = False) -> SpladeIndex:
        """Opens an index folder; vectors, postings and texts stay in memory-mapped files.

        Args:
            verify: read every byte and compare checksums, not only sizes and shapes.

        Raises:
            IndexFolderError: no index there, another format version, or damaged.
        """
        stored = storage.read(Path(folder), verify=verify)
        return cls(
            stored.vectors,
            stored.postings,
            stored.rows,
            stored.vocabulary,
            stored.model,
            Path(folder),
            stored.query,
            Path(folder),
        )

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Writes the index; an existing folder is replaced as a whole and only if `force` is given.

        Raises:
            InputError: `folder` exists and is not empty.
        """
        storage.write(
            Path(folder),
            lambda: [self.vectors],
            self.rows,
            self.vocabulary,
            self.model or {},
            dimensions=self.vectors.shape[1],
            query=self.query,
            query_files=self._query_files(),
            force=force,
        )

    def _query_files(self) -> dict[str, Path]:
        return {path.name: path for path in self.query_folder.glob("query.*")} if self.query_folder else {}

    def _carry_on(self, changed: SpladeIndex) -> SpladeIndex:
        """Gives an index of other rows what this one carries for queries."""
        changed.query, changed.query_folder = self.query, self.query_folder
        return changed

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    def add(self, vectors: sp.spmatrix, ids: Sequence[str], texts: Sequence[str] | None = None) -> SpladeIndex:
        """A new index in memory with more rows after the old ones. Raises InputError for an id that is there."""
        more = SpladeIndex.from_vectors(vectors, ids, texts)
        changed = SpladeIndex.from_vectors(
            sp.vstack([self.vectors, more.vectors]),
            rows=[*self.rows, *more.rows],
            vocabulary=self.vocabulary,
            model=self.model,
        )
        return self._carry_on(changed)

    def remove(self, ids: Sequence[str]) -> SpladeIndex:
        """A new index in memory without the rows of `ids`. Raises InputError for an id that is not there."""
        unknown = set(ids) - {row["id"] for row in self.rows}
        if unknown:
            raise InputError(f"no row '{sorted(unknown)[0]}' in the index", "ids are those of the chunks or documents")
        gone = set(ids)
        kept = [number for number, row in enumerate(self.rows) if row["id"] not in gone]
        changed = SpladeIndex.from_vectors(
            self.vectors[kept],
            rows=[self.rows[number] for number in kept],
            vocabulary=self.vocabulary,
            model=self.model,
        )
        return self._carry_on(changed)

    def search(self, queries: sp.spmatrix, k: int = 10) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k rows of largest dot product with each query, best first, equal scores by row number.

        Args:
            queries: [q, V] sparse.
            k: rows wanted, at least 1.

        Returns:
            Row numbers int64 [q, k] and scores float32 [q, k]; a row that shares no term with the query is no
            result, and empty places hold -1 and -inf.

        Raises:
            InputError: k below 1, or vectors of another width.
        """
        require_positive(k=k)
        matrix = sp.csr_matrix(queries, dtype=np.float32)
        if matrix.shape[1] != self.vectors.shape[1]:
            raise InputError(
                f"queries have {matrix.shape[1]} dimensions, the index has {self.vectors.shape[1]}",
                "encode queries with the model that made the index",
            )
        numbers = np.full((matrix.shape[0], k), -1, dtype=np.int64)
        scores = np.full((matrix.shape[0], k), -np.inf, dtype=np.float32)
        sums = np.zeros(len(self), dtype=np.float32)
        touched = np.zeros(len(self), dtype=bool)
        for query in range(matrix.shape[0]):
            start, end = matrix.indptr[query : query + 2]
            found = self._accumulate(matrix.indices[start:end], matrix.data[start:end], sums, touched)
            best = top(found, sums[found], k)
            numbers[query, : len(best)], scores[query, : len(best)] = best, sums[best]
            sums[found] = 0
            touched[found] = False
        return numbers, scores

    def _accumulate(
        self, terms: NDArray[Any], weights: NDArray[np.float32], sums: NDArray[np.float32], touched: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        indptr, rows, values = self.postings.indptr, self.postings.indices, self.postings.data
        for term, weight in zip(terms, weights, strict=True):
            start, end = indptr[term], indptr[term + 1]
            members = rows[start:end]
            sums[members] += weight * values[start:end]
            touched[members] = True
        return cast("NDArray[np.int64]", np.flatnonzero(touched))


def top(numbers: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The `k` of `numbers` with the largest `scores`, best first, ties by number; linear but for the last k."""
    if len(numbers) > k:
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = scores >= threshold
        numbers, scores = numbers[kept], scores[kept]
    return numbers[np.lexsort((numbers, -scores))[:k]]
