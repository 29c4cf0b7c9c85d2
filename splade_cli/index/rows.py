"""The rows of several segments as one: what is stored of each, by number and by id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.index.containers.csr import stacked
from splade_cli.index.metadata.filters import Filter
from splade_cli.index.metadata.matching import passing
from splade_cli.index.store.chained import Chained
from splade_cli.index.store.segment import Mask, Segment
from splade_cli.records import Chunk

KEPT_ROWS = 1 << 14
"""Ids and rows that are remembered: a search asks for the same ones several times."""

SOME_ROWS = 4096
"""Rows whose documents are looked at together."""


@dataclass
class NumberedRows:
    """Rows, numbered through all segments, one after the other.

    A deleted row keeps its number until segments are merged: `chunks`, `vectors`, `alive` and every mask have
    an entry for it, and it is found by no name.

    Attributes:
        segments: in the order of their rows.
        dimensions: V.
    """

    segments: list[Segment]
    dimensions: int

    def __len__(self) -> int:
        return sum(segment.live for segment in self.segments)

    def fetch(self, ids: Sequence[str]) -> list[Chunk]:
        """The chunks of `ids`, in their order. Raises InputError for an id that is not there."""
        return [self.chunks[self.row_of(name)] for name in ids]

    def chunks_of(self, document_id: str) -> list[str]:
        """The ids of a document's chunks, in the order of the document; empty where it is not there."""
        return [self.ids[row] for row in self.find(document_id, chunks=False).tolist()]

    def vectors_of(self, ids: Sequence[str]) -> sp.csr_matrix:
        """The vectors CSR [len(ids), V] of `ids`, in their order. Raises InputError for an id that is not
        there."""
        numbers = [self.row_of(name) for name in ids]
        if len(self.segments) == 1:
            return self.segments[0].some_vectors(numbers)
        rows = [self.vector(number) for number in numbers]
        weights = np.concatenate([np.empty(0, dtype=np.float32), *(row.data for row in rows)])
        columns = np.concatenate([np.empty(0, dtype=np.int32), *(row.indices for row in rows)])
        starts = np.cumsum([0, *(row.nnz for row in rows)])
        return sp.csr_matrix((weights, columns, starts), shape=(len(ids), self.dimensions))

    def row_of(self, chunk_id: str) -> int:
        """The row of a chunk. Raises InputError where there is none."""
        return self._row_of(chunk_id)

    def __getstate__(self) -> dict[str, Any]:
        """What was looked up so far is left behind by copies and pickles, which find it again."""
        return {each.name: self.__dict__[each.name] for each in fields(self)}

    @cached_property
    def _row_of(self) -> Callable[[str], int]:
        return lru_cache(maxsize=KEPT_ROWS)(self._found_row)

    def _found_row(self, chunk_id: str) -> int:
        rows = self.find(chunk_id, documents=False)
        if not len(rows):
            raise InputError(f"no document '{chunk_id}' in the index", "ids stand behind each hit")
        return int(rows[0])

    @cached_property
    def id_of(self) -> Callable[[int], str]:
        """``id_of(row)``: an entry of `ids`; those that were asked for are remembered."""
        return lru_cache(maxsize=KEPT_ROWS)(self.ids.__getitem__)

    @cached_property
    def ids(self) -> Sequence[str]:
        """The id of each row, deleted ones included; read from an index folder without its texts."""
        if len(self.segments) == 1:
            return self.segments[0].ids
        return Chained([segment.ids for segment in self.segments])

    @cached_property
    def document_ids(self) -> Sequence[str]:
        """The document of each row, as `ids`."""
        if len(self.segments) == 1:
            return self.segments[0].document_ids
        return Chained([segment.document_ids for segment in self.segments])

    @cached_property
    def chunks(self) -> Sequence[Chunk]:
        """The stored text of each row, deleted ones included."""
        if len(self.segments) == 1:
            return self.segments[0].chunks
        return Chained([segment.chunks for segment in self.segments])

    @cached_property
    def vectors(self) -> sp.csr_matrix:
        """CSR float32 [rows, V]; a copy in memory of several segments or of counts, made when first asked
        for."""
        if len(self.segments) == 1:
            return self.segments[0].vectors
        return stacked((segment.vectors for segment in self.segments), self.dimensions)

    def vector(self, row: int) -> sp.csr_matrix:
        """The vector [1, V] of one row."""
        if not 0 <= row < self.starts[-1]:
            raise IndexError(row)
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.segments[number].vector(row - self.starts[number])

    @property
    def nonzeros(self) -> int:
        """Weights of all rows."""
        return sum(segment.rows.nnz for segment in self.segments)

    @cached_property
    def starts(self) -> list[int]:
        """The number of each segment's first row, and how many rows there are."""
        return [0, *np.cumsum([len(segment) for segment in self.segments], dtype=np.int64).tolist()]

    @cached_property
    def alive(self) -> Mask:
        """bool [rows]: False where a row is deleted."""
        parts = [np.ones(len(each), np.bool_) if each.alive is None else each.alive for each in self.segments]
        return np.concatenate([np.empty(0, np.bool_), *parts])

    def live_rows(self) -> NDArray[np.int64]:
        """Numbers of the rows that are not deleted."""
        return np.flatnonzero(self.alive)

    @cached_property
    def documents(self) -> int:
        """Distinct documents that the rows that are not deleted belong to."""
        present: list[set[str]] = []
        for segment in self.segments:
            codes = np.unique(segment.document_ids.codes[segment.survivors()])
            if len(self.segments) == 1:
                return len(codes)
            present.append({segment.document_ids.dictionary[code] for code in codes.tolist()})
        return len(set().union(*present))

    def has_documents(self, least: int) -> bool:
        """Whether the rows that are not deleted belong to `least` documents or more."""
        found: set[str] = set()
        for segment in self.segments:
            names = segment.document_ids.dictionary
            if segment.alive is None:
                found.update([names[code] for code in range(min(least, len(names)))])
            else:
                codes = segment.document_ids.codes
                rows = segment.survivors()
                for start in range(0, len(rows), SOME_ROWS):
                    few = np.unique(codes[rows[start : start + SOME_ROWS]])
                    found.update([names[code] for code in few[:least].tolist()])
                    if len(found) >= least:
                        break
            if len(found) >= least:
                return True
        return False

    @cached_property
    def df(self) -> NDArray[np.int64]:
        """int64 [V]: in how many of the rows that are not deleted each dimension is active."""
        counts = np.zeros(self.dimensions, dtype=np.int64)
        for segment in self.segments:
            for part in segment.live_blocks():
                counts += np.bincount(part.indices, minlength=self.dimensions)
        return counts

    def mask(self, filter: Filter) -> Mask:
        """bool [rows]: which rows pass a filter, deleted ones included. Raises InputError for an unknown
        field."""
        return passing(filter, [segment.columns for segment in self.segments])

    def find(self, name: str, *, chunks: bool = True, documents: bool = True) -> NDArray[np.int64]:
        """Numbers of the rows, deleted ones left out, that bear a name, ascending.

        Args:
            chunks: those whose own id it is.
            documents: those whose document's id it is.
        """
        parts = [np.empty(0, dtype=np.int64)]
        for start, segment in zip(self.starts, self.segments, strict=False):
            if chunks:
                parts.append(segment.live_rows_of(segment.ids, name) + start)
            if documents:
                parts.append(segment.live_rows_of(segment.document_ids, name) + start)
        return np.unique(np.concatenate(parts))
