"""The files of a segment, and opening them.

NAME.safetensors   a container: vectors, posting lists, columns of metadata, and where the index asks for it
BM25
                   and dense vectors
NAME.jsonl         the chunks, a line each

vectors.{indptr,indices,data}   CSR [rows, V]: a row's terms and weights, or counts where the index has
impacts postings.*                      the same by term, see `engine.postings`
texts.offsets                   int64 [rows + 1]: where each line of the chunks starts
columns.*                       metadata by field, see `metadata.columns`
bm25.*                          term frequencies and their impacts, see `bm25.frequencies_file`
dense                           float32 [rows, d], dense vectors of length 1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.index.bm25.frequencies_file import open_frequencies
from splade_cli.index.containers.container import Array, Container
from splade_cli.index.engine.postings_file import open_postings
from splade_cli.index.info import IndexInfo
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.store.chunks import StoredChunks
from splade_cli.index.store.segment import Segment

VECTORS, POSTINGS, OFFSETS, DENSE = "vectors.", "postings.", "texts.offsets", "dense"
TENSORS, TEXTS = ".safetensors", ".jsonl"


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


def open_segment(folder: Path, name: str, shape: Shape, info: IndexInfo) -> Segment:
    """Opens a segment; tensors and texts stay in memory-mapped files.

    Raises:
        IndexFolderError: a file is missing, or what the files hold does not fit together.
    """
    path = tensors_of(folder, name)
    try:
        container = Container(path)
        data, indices, indptr = _vectors(container, shape, info)
        step = 1.0 if info.impacts is None else info.impacts.step
        offsets = container.tensor(OFFSETS, np.int64)
        dense = None
        if info.dense is not None:
            dense = container.tensor(DENSE, np.float32, width=info.dense.dimensions)
        segment = Segment(
            sp.csr_matrix((data, indices, indptr), shape=(shape.rows, shape.dimensions), copy=False),
            open_postings(container, POSTINGS, (indptr, indices, data), weights=data.dtype, step=step),
            StoredChunks(texts_of(folder, name), offsets),
            bm25=None if info.bm25 is None else open_frequencies(container),
            dense=dense,
            stored_columns=Columns.open(container),
            impacts=info.impacts,
        )
        _check_counts(segment, shape)
    except (OSError, ValueError) as error:
        raise IndexFolderError(
            f"the segment {path} is damaged: {error}", rebuild_hint(folder.parent)
        ) from None
    return segment


def _vectors(container: Container, shape: Shape, info: IndexInfo) -> tuple[Array, Array, Array]:
    """Data, indices and indptr of the rows' vectors."""
    dtype = np.dtype(np.float32) if info.impacts is None else info.impacts.dtype
    indptr = container.tensor(f"{VECTORS}indptr", np.int64)
    indices = container.tensor(f"{VECTORS}indices", np.int32)
    data = container.tensor(f"{VECTORS}data", dtype)
    fits = len(indptr) == shape.rows + 1 and indptr[0] == 0 and indptr[-1] == shape.nonzeros
    if not fits or not shape.nonzeros == len(indices) == len(data) or np.any(np.diff(indptr) < 0):
        raise ValueError("pointers of vectors do not fit")
    return data, indices, indptr


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
    if segment.dense is not None:
        counts["dense"] = len(segment.dense)
    for name, count in counts.items():
        if count != shape.rows:
            raise ValueError(f"{name} has {count} rows, not {shape.rows}")
    if segment.postings.shape[1] != shape.dimensions:
        raise ValueError("its dimensions differ")
