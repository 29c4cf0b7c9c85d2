"""Writing of a segment from batches of rows, one in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.bm25.fields import TITLE_WEIGHT, counted_text
from splade_cli.index.bm25.frequencies import DEFAULT_LANGUAGE, TermCounter, TermFrequencies
from splade_cli.index.bm25.frequencies_file import write_frequencies
from splade_cli.index.bm25.language import guess_language
from splade_cli.index.containers.checksums import Checksum
from splade_cli.index.containers.container_writer import ContainerWriter, GrowingTensor
from splade_cli.index.containers.stored_rows import StoredRows
from splade_cli.index.engine.postings_file import write_postings
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.store.batches import Batch, canonical, check_batch
from splade_cli.index.store.chunks import ChunkWriter
from splade_cli.index.store.segment_file import DENSE, OFFSETS, POSTINGS, VECTORS, tensors_of, texts_of
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.records import Chunk


@dataclass(frozen=True)
class Bm25Request:
    """That a segment is to hold term frequencies for BM25, and how they are made.

    Attributes:
        language: whose stop words and stemmer; guessed from the first batch where None.
        title_weight: how often the words of a title count.
        joined: makes them from those of other segments, in place of counting the terms of the texts.
        mean_length: terms of a row in the whole index; that of the segment's own rows where None.
    """

    language: str | None = None
    title_weight: int = TITLE_WEIGHT
    joined: Callable[[], TermFrequencies] | None = None
    mean_length: float | None = None


@dataclass(frozen=True)
class WrittenSegment:
    """What was written: `language` is that of its BM25 part, `checksum` that of its container."""

    rows: int
    nonzeros: int
    language: str | None
    checksum: Checksum


def write_segment(
    folder: Path,
    name: str,
    batches: Iterable[Batch],
    dimensions: int,
    *,
    bm25: Bm25Request | None = None,
    dense: bool = False,
    impacts: Impacts | None = None,
) -> WrittenSegment:
    """Writes the files of a segment into a folder.

    Args:
        batches: the rows, read once; ids are not compared with each other here.
        dense: each batch has dense vectors.
        impacts: store weights as counts of this.

    Raises:
        InputError: counts that differ, a weight that is not finite, or negative where `impacts` are given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ContainerWriter(tensors_of(folder, name)) as out:
        vectors = _VectorWriter(out, impacts)
        dense_vectors = _DenseWriter(out)
        chunks = ChunkWriter(texts_of(folder, name), out.growing(OFFSETS, np.int64))

        counter = _Counter(bm25)

        def passing() -> Iterator[Chunk]:
            for batch in batches:
                check_batch(batch, dense)
                vectors.append(batch.vectors)
                dense_vectors.append(batch)
                counter.add(batch.chunks)
                yield from batch.chunks

        Columns.build(chunks.passing(passing())).write(out)
        if dense and dense_vectors.empty:
            raise InputError("no dense vectors were given", "give one a row")
        stored = vectors.mapped(dimensions)
        parts = (block for _, block in stored.blocks())
        write_postings(out, POSTINGS, parts, dimensions, weights=stored.dtype)
        language = None
        frequencies = counter.frequencies()
        if frequencies is not None:
            language = frequencies.language
            write_frequencies(out, frequencies)
        nonzeros = stored.nnz
    assert out.checksum is not None
    return WrittenSegment(chunks.count, nonzeros, language, out.checksum)


class _VectorWriter:
    """The tensors of a CSR matrix that grows by rows, rounded to counts where there are impacts."""

    def __init__(self, out: ContainerWriter, impacts: Impacts | None) -> None:
        self._impacts = impacts
        dtype = np.dtype(np.float32) if impacts is None else impacts.dtype
        self._indptr = out.growing(f"{VECTORS}indptr", np.int64)
        self._indices = out.growing(f"{VECTORS}indices", np.int32)
        self._data = out.growing(f"{VECTORS}data", dtype)
        self._indptr.append(np.zeros(1, dtype=np.int64))

    def append(self, part: sp.csr_matrix) -> None:
        """Writes more rows. Raises InputError for a weight that is not finite, or negative where there are
        impacts."""
        clean = canonical(part)
        if self._impacts is not None:
            clean = self._impacts.counts(clean)
        self._indptr.append(clean.indptr[1:].astype(np.int64) + self._data.length)
        self._indices.append(clean.indices)
        self._data.append(clean.data)

    def mapped(self, dimensions: int) -> StoredRows:
        """The rows so far, over memory maps."""
        arrays = (self._data.mapped(), self._indices.mapped(), self._indptr.mapped())
        return StoredRows(arrays, (self._indptr.length - 1, dimensions), None)


class _DenseWriter:
    """The tensor of dense vectors, whose width is that of the first."""

    def __init__(self, out: ContainerWriter) -> None:
        self._out = out
        self._tensor: GrowingTensor | None = None

    @property
    def empty(self) -> bool:
        """Whether none came."""
        return self._tensor is None

    def append(self, batch: Batch) -> None:
        """Writes those of a batch, where it has any."""
        if batch.dense is None:
            return
        if self._tensor is None:
            self._tensor = self._out.growing(DENSE, np.float32, batch.dense.shape[1])
        self._tensor.append(batch.dense)


class _Counter:
    """Counts terms for BM25 while chunks pass, where that is asked for."""

    def __init__(self, request: Bm25Request | None) -> None:
        self._request = request
        self._counter: TermCounter | None = None

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Counts the terms of what is read of more chunks."""
        if self._request is None or self._request.joined is not None:
            return
        if self._counter is None:
            language = self._request.language or guess_language([chunk.content for chunk in chunks])
            self._counter = TermCounter(language)
        weight = self._request.title_weight
        self._counter.add(counted_text(chunk, weight) for chunk in chunks)

    def frequencies(self) -> TermFrequencies | None:
        """Those of the segment; None where none were asked for."""
        if self._request is None:
            return None
        if self._request.joined is not None:
            return self._request.joined()
        counter = self._counter or TermCounter(self._request.language or DEFAULT_LANGUAGE)
        return counter.frequencies(self._request.mean_length)
