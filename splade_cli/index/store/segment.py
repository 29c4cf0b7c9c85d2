"""A segment: rows that were written together, with all that finds them.

Which of its rows are deleted is not its own affair: the index says so when it opens it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.index.bm25.fields import counted_text
from splade_cli.index.bm25.frequencies import TermFrequencies
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.containers.stored_rows import StoredRows
from splade_cli.index.engine.postings import Postings
from splade_cli.index.info import Bm25Info
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.metadata.text_columns import TextColumn
from splade_cli.index.store.batches import Batch, Dense
from splade_cli.index.store.chunks import StoredChunks
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.records import Chunk

Mask = NDArray[np.bool_]


@dataclass
class Segment:
    """Rows with all that finds them; where it was opened from a folder arrays are memory maps, of which
    what is read is checked then, and IndexFolderError raised by whatever reads what is damaged.

    Attributes:
        rows: [rows, V]: weights, float32, or counts of the step of `impacts`.
        postings: the same as posting lists.
        chunks: the stored texts.
        alive: bool [rows], False where a row is deleted; None where none is.
        bm25: term frequencies of the rows; None where the index has none.
        stored_dense: float [rows, d], vectors of length 1; None where the index has none.
        stored_columns: those of `columns`, made from the chunks where not given.
        impacts: what the counts are of; None where weights are stored.
        file: the container of all that; None in memory.
    """

    rows: StoredRows
    postings: Postings
    chunks: Sequence[Chunk]
    alive: Mask | None = None
    bm25: TermFrequencies | None = None
    stored_dense: Dense | None = None
    stored_columns: Columns | None = None
    impacts: Impacts | None = None
    file: MappedFile | None = None

    def __len__(self) -> int:
        return self.rows.shape[0]

    @classmethod
    def build(
        cls,
        vectors: sp.csr_matrix,
        chunks: Sequence[Chunk],
        *,
        bm25: Bm25Info | None = None,
        dense: Dense | None = None,
    ) -> Segment:
        """A segment in memory; words are counted as `bm25` has it, if it is given."""
        words = None
        if bm25 is not None:
            texts = (counted_text(chunk, bm25.title_weight) for chunk in chunks)
            words = TermFrequencies.build(texts, bm25.language)
        return cls(StoredRows.of(vectors), Postings.build(vectors), chunks, bm25=words, stored_dense=dense)

    @property
    def stored(self) -> sp.csr_matrix:
        """CSR [rows, V] of `rows`."""
        return self.rows.whole

    @cached_property
    def dense(self) -> Dense | None:
        """float [rows, d], vectors of length 1; None where the index has none."""
        if self.stored_dense is not None and self.file is not None:
            self.file.require_arrays(self.stored_dense)
        return self.stored_dense

    @cached_property
    def vectors(self) -> sp.csr_matrix:
        """CSR float32 [rows, V]; where counts are stored the weights are a copy in memory, made when first
        asked."""
        return self._weights(self.stored)

    def vector(self, row: int) -> sp.csr_matrix:
        """The vector [1, V] of a row."""
        return self._weights(self.rows.row(row))

    def some_vectors(self, rows: Sequence[int]) -> sp.csr_matrix:
        """The vectors [len(rows), V] of some rows, in their order."""
        return self._weights(self.rows.some(rows))

    @property
    def live(self) -> int:
        """Rows that are not deleted."""
        if self.alive is None:
            return len(self)
        return int(np.count_nonzero(self.alive))

    @cached_property
    def columns(self) -> Columns:
        """The metadata by field."""
        if self.stored_columns is None:
            return Columns.build(self.chunks)
        return self.stored_columns

    @cached_property
    def ids(self) -> TextColumn:
        """The id of each row; from a folder without parsing chunks."""
        if self.stored_columns is None:
            return TextColumn.of([chunk.id for chunk in self.chunks])
        return TextColumn.open(self.stored_columns, "id")

    @cached_property
    def document_ids(self) -> TextColumn:
        """The document of each row; from a folder without parsing chunks."""
        if self.stored_columns is None:
            return TextColumn.of([chunk.document_id for chunk in self.chunks])
        return TextColumn.open(self.stored_columns, "document_id")

    def live_rows_of(self, column: TextColumn, name: str) -> NDArray[np.int64]:
        """Numbers of the rows, deleted ones left out, that bear a name in a column."""
        rows = column.rows_of(name)
        if self.alive is None:
            return rows
        return rows[self.alive[rows]]

    def survivors(self) -> NDArray[np.int64]:
        """Numbers of the rows that are not deleted."""
        if self.alive is None:
            return np.arange(len(self))
        return np.flatnonzero(self.alive)

    def live_blocks(self) -> Iterator[sp.csr_matrix]:
        """The vectors of the rows that are not deleted, in pieces of about `stored_rows.PIECE` weights or
        fewer."""
        for start, block in self.rows.blocks():
            if self.alive is not None:
                block = block[np.flatnonzero(self.alive[start : start + block.shape[0]])]
            if block.shape[0]:
                yield self._weights(block)

    def live_batches(self) -> Iterator[Batch]:
        """The rows that are not deleted with all that is known of them, cut as `live_blocks`; one batch at
        least."""
        rows = self.survivors()
        if not len(rows):
            yield self._batch(rows, self._weights(self.rows.block(0, 0)))
        start = 0
        for vectors in self.live_blocks():
            end = start + vectors.shape[0]
            yield self._batch(rows[start:end], vectors)
            start = end

    def require_whole(self) -> None:
        """Raises IndexFolderError where anything is damaged, or does not fit together."""
        self.rows.require_whole()
        self.ids.require_whole()
        self.document_ids.require_whole()
        if self.file is not None and self.stored_dense is not None:
            self.file.require_arrays(self.stored_dense)
        self.postings.require_whole()
        for name in self.columns.fields:
            self.columns.field(name)
        if isinstance(self.chunks, StoredChunks):
            self.chunks.require_whole()
        if self.bm25 is not None:
            self.bm25.require_whole()

    def _batch(self, rows: NDArray[np.int64], vectors: sp.csr_matrix) -> Batch:
        chunks = [self.chunks[row] for row in rows.tolist()]
        if self.dense is None:
            return Batch(chunks, vectors)
        return Batch(chunks, vectors, self.dense[rows])

    def _weights(self, stored: sp.csr_matrix) -> sp.csr_matrix:
        if self.impacts is None:
            return stored
        return self.impacts.weights(stored)
