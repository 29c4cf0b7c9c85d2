"""The files of a segment, and opening them.

NAME.safetensors   a container: vectors, posting lists, columns of metadata, and where the index asks for it
                   BM25 and dense vectors
NAME.jsonl         the chunks, a line each
NAME.crc32         the CRC-32 of each block of 4,096 bytes of both, see `containers.checksums`

vectors.{indptr,indices,data}   CSR [rows, V]: a row's terms and weights, or counts of impacts
postings.*                      the same by term, see `engine.postings`
texts.offsets                   int64 [rows + 1]: where each line of the chunks starts
columns.*                       metadata by field, see `metadata.columns`
bm25.*                          term frequencies and their impacts, see `bm25.frequencies_file`
dense                           float32 [rows, d], dense vectors of length 1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.index.bm25.frequencies_file import open_frequencies
from splade_cli.index.containers.checksums import Checksum, Sums, block_count
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.containers.stored_rows import StoredRows
from splade_cli.index.engine.postings_file import open_postings
from splade_cli.index.info import IndexInfo
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.store.chunks import StoredChunks
from splade_cli.index.store.manifest import SUMS, TENSORS, TEXTS
from splade_cli.index.store.segment import Segment

VECTORS, POSTINGS, OFFSETS, DENSE = "vectors.", "postings.", "texts.offsets", "dense"


@dataclass(frozen=True)
class Shape:
    """What the manifest says of a segment's vectors."""

    rows: int
    dimensions: int
    nonzeros: int


def tensors_of(folder: Path, name: str) -> Path:
    """The container of a segment."""
    return folder / f"{name}{TENSORS}"


def texts_of(folder: Path, name: str) -> Path:
    """The chunks of a segment."""
    return folder / f"{name}{TEXTS}"


def sums_of(folder: Path, name: str) -> Path:
    """The checksums of the blocks of a segment's other files."""
    return folder / f"{name}{SUMS}"


def write_sums(path: Path, *checksums: Checksum) -> None:
    """Writes the file of `sums_of`: uint32, little-endian, those of the container before those of the
    texts."""
    path.write_bytes(np.concatenate([each.sums for each in checksums]).tobytes())


def read_sums(content: bytes, sizes: tuple[int, int]) -> tuple[Sums, Sums]:
    """The checksums of a container and of texts of these sizes. Raises ValueError for another number."""
    first, second = map(block_count, sizes)
    if len(content) != 4 * (first + second):
        raise ValueError(f"{len(content)} bytes of checksums for {first + second} blocks")
    sums = np.frombuffer(content, dtype="<u4")
    return sums[:first], sums[first:]


def open_segment(folder: Path, name: str, shape: Shape, info: IndexInfo, sums: tuple[Sums, Sums]) -> Segment:
    """Opens a segment; tensors and texts stay in memory-mapped files, of which no more is read than needed.

    Args:
        sums: checksums of the container's blocks, and of those of the texts.

    Raises:
        OSError: a file cannot be read.
        IndexFolderError: what the files hold is damaged, or does not fit together.
    """
    path = tensors_of(folder, name)
    try:
        container = Container(path, sums[0])
        rows = _vectors(container, shape, info)
        data, indices, indptr = rows.arrays
        step = 1.0 if info.impacts is None else info.impacts.step
        texts = MappedFile(texts_of(folder, name), sums[1])
        dense = None
        if info.dense is not None:
            dense = container.tensor(DENSE, np.float32, width=info.dense.dimensions)
        segment = Segment(
            rows,
            open_postings(container, POSTINGS, (indptr, indices, data), weights=data.dtype, step=step),
            StoredChunks(texts, container.tensor(OFFSETS, np.int64), container.file),
            bm25=None if info.bm25 is None else open_frequencies(container),
            stored_dense=dense,
            stored_columns=Columns.open(container),
            impacts=info.impacts,
            file=container.file,
        )
        _check_counts(segment, shape)
    except ValueError as error:
        raise IndexFolderError(
            f"the segment {path} is damaged: {error}", rebuild_hint(folder.parent)
        ) from None
    return segment


def _vectors(container: Container, shape: Shape, info: IndexInfo) -> StoredRows:
    """The rows' vectors."""
    dtype = np.dtype(np.float32) if info.impacts is None else info.impacts.dtype
    indptr = container.tensor(f"{VECTORS}indptr", np.int64)
    indices = container.tensor(f"{VECTORS}indices", np.int32)
    data = container.tensor(f"{VECTORS}data", dtype)
    if len(data) != shape.nonzeros:
        raise ValueError(f"{len(data)} weights instead of {shape.nonzeros}")
    return StoredRows((data, indices, indptr), (shape.rows, shape.dimensions), container.file)


def _check_counts(segment: Segment, shape: Shape) -> None:
    """Raises ValueError where the parts of a segment have other numbers of rows or dimensions."""
    counts = {
        "postings": segment.postings.shape[0],
        "texts": len(segment.chunks),
        "columns": len(segment.columns),
        "ids": len(segment.ids),
        "document ids": len(segment.document_ids),
    }
    if segment.bm25 is not None:
        counts["bm25"] = len(segment.bm25)
        counts["bm25 postings"] = segment.bm25.postings.shape[0]
    if segment.stored_dense is not None:
        counts["dense"] = len(segment.stored_dense)
    for name, count in counts.items():
        if count != shape.rows:
            raise ValueError(f"{name} has {count} rows, not {shape.rows}")
    if segment.postings.shape[1] != shape.dimensions:
        raise ValueError("its dimensions differ")
