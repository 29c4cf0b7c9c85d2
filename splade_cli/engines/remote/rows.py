"""Rows on their way to a store: texts, vectors, the values that filters see, and a digest by which a changed
row is told."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.fields import Scalar, values_of
from splade_cli.index.store.chunks import chunk_to_json
from splade_cli.records import Chunk

DIGEST_BYTES = 12


@dataclass(frozen=True)
class Rows:
    """Some rows.

    Attributes:
        chunks: their texts.
        vectors: CSR float32 [n, V], columns ascending, no stored zeros.
        positions: where each stands in the order of all rows, which decides between equal scores.
    """

    chunks: Sequence[Chunk]
    vectors: sp.csr_matrix
    positions: Sequence[int]

    def __len__(self) -> int:
        return len(self.chunks)

    @property
    def ids(self) -> list[str]:
        """Of the chunks."""
        return [chunk.id for chunk in self.chunks]

    def some(self, numbers: Sequence[int]) -> Rows:
        """Those of these numbers."""
        return Rows(
            [self.chunks[number] for number in numbers],
            self.vectors[list(numbers)],
            [self.positions[number] for number in numbers],
        )

    def vector(self, number: int) -> tuple[list[int], list[float]]:
        """Columns, ascending, and weights of a row."""
        start, end = self.vectors.indptr[number : number + 2]
        return self.vectors.indices[start:end].tolist(), self.vectors.data[start:end].tolist()

    @cached_property
    def stored_chunks(self) -> list[str]:
        """Each chunk as one line of JSON, as `index.store.chunks.chunk_from_json` reads it."""
        return [_without_surrogates(chunk_to_json(chunk)) for chunk in self.chunks]

    @cached_property
    def digests(self) -> list[str]:
        """A hash of all that is stored of each row, but for its position."""
        found = []
        indptr = self.vectors.indptr
        for number, text in enumerate(self.stored_chunks):
            span = slice(indptr[number], indptr[number + 1])
            state = hashlib.blake2b(text.encode("utf-8"), digest_size=DIGEST_BYTES)
            state.update(self.vectors.indices[span].astype("<i8").tobytes())
            state.update(self.vectors.data[span].astype("<f4").tobytes())
            found.append(state.hexdigest())
        return found


def field_values(chunk: Chunk) -> Mapping[str, list[Scalar]]:
    """The values of each field of a chunk, in the kinds in which the local index compares them: numbers are
    finite, and of any size are text otherwise."""
    found: dict[str, list[Scalar]] = {}
    for name, value in values_of(chunk):
        if not isinstance(value, str | bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            value = number if math.isfinite(number) else str(value)
        if isinstance(value, str):
            value = _without_surrogates(value)
        found.setdefault(name, []).append(value)
    return found


def rows_of(index: SpladeIndex, size: int, first: int = 0) -> Iterator[Rows]:
    """The rows of an index that are not deleted, `size` at a time, in their order.

    Args:
        first: the position of the first row.
    """
    position = first
    for segment in index.segments:
        for batch in segment.live_batches():
            for start in range(0, len(batch.chunks), size):
                chunks = batch.chunks[start : start + size]
                vectors = batch.vectors[start : start + size]
                yield Rows(chunks, _sorted(vectors), range(position, position + len(chunks)))
                position += len(chunks)


def fields_json(chunk: Chunk) -> str:
    """`field_values` as JSON, which keeps the kinds apart."""
    return json.dumps(field_values(chunk), ensure_ascii=False)


def _sorted(vectors: sp.csr_matrix) -> sp.csr_matrix:
    matrix = sp.csr_matrix(vectors, dtype=np.float32)
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    if not matrix.data.all():
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return matrix


def _without_surrogates(text: str) -> str:
    """A text that UTF-8 can hold: halves of surrogate pairs, which bytes of other encodings leave, are
    replaced."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
