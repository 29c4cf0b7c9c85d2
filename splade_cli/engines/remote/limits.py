"""Limits of an engine, held against an index before the first byte is sent."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex

SHOWN = 60


@dataclass(frozen=True)
class Limits:
    """What an engine takes; None where it has no limit that an index could meet.

    Attributes:
        engine: its name, for messages.
        dimensions: the largest V.
        nonzeros: most weights of a row.
        weight: the largest weight that is stored as it is.
        negative: whether weights below 0 are taken.
        id_bytes: of a chunk's id in UTF-8, and of its document's.
        text_bytes: of a stored chunk as JSON, see `Rows.stored_chunks`.
        empty: whether a row without weights is stored; else it is left out, which no query notices.
        nul: whether an id may hold the character NUL.
        batch_rows: rows that are sent at once.
    """

    engine: str
    dimensions: int | None = None
    nonzeros: int | None = None
    weight: float | None = None
    negative: bool = True
    id_bytes: int | None = None
    text_bytes: int | None = None
    empty: bool = True
    nul: bool = True
    batch_rows: int = 500


@dataclass(frozen=True)
class Checked:
    """What a look at all rows found.

    Attributes:
        rows: that are not deleted.
        empty: how many of them have no weight, which no query finds.
        nonzeros: most weights of a row.
        weight: the largest.
    """

    rows: int
    empty: int
    nonzeros: int
    weight: float


def folder_of(index: SpladeIndex) -> str:
    """Where an index lies, as it is typed."""
    return shlex.quote(str(index.folder or "index"))


def check(index: SpladeIndex, limits: Limits) -> Checked:
    """Holds an index against the limits of an engine.

    Raises:
        InputError: a limit that the index goes beyond, naming the first row that does.
    """
    engine = limits.engine
    if limits.dimensions is not None and index.dimensions > limits.dimensions:
        raise InputError(
            f"{engine} takes at most {limits.dimensions:,} dimensions, the index has {index.dimensions:,}",
            "another engine, or a model of fewer dimensions",
        )
    _check_ids(index, limits)
    if limits.text_bytes is not None:
        _check_texts(index, limits)
    empty = 0
    most = 0
    largest = 0.0
    for start, vectors in _blocks(index):
        lengths = np.diff(vectors.indptr)
        empty += int(np.count_nonzero(lengths == 0))
        if not vectors.nnz:
            continue
        longest = int(lengths.argmax())
        most = max(most, int(lengths[longest]))
        if limits.nonzeros is not None and lengths[longest] > limits.nonzeros:
            raise InputError(
                f"{engine} takes at most {limits.nonzeros:,} weights a text, "
                f"'{_id(index, start + longest)}' has {lengths[longest]:,}",
                f"fewer terms: splade index DOCS -o {folder_of(index)} "
                f"--prune-terms {limits.nonzeros} --force",
            )
        least = int(vectors.data.argmin())
        if not limits.negative and vectors.data[least] < 0:
            row = int(np.searchsorted(vectors.indptr, least, side="right")) - 1
            raise InputError(
                f"{engine} takes no weights below 0, '{_id(index, start + row)}' has {vectors.data[least]:g}",
                "another engine: such are the weights of CSR models",
            )
        largest = max(largest, float(np.abs(vectors.data).max()))
        if limits.weight is not None and largest > limits.weight:
            at = int(np.abs(vectors.data).argmax())
            row = int(np.searchsorted(vectors.indptr, at, side="right")) - 1
            raise InputError(
                f"{engine} takes weights up to {limits.weight:g}, '{_id(index, start + row)}' has "
                f"{largest:g}",
                "another engine, or another field of this one",
            )
    return Checked(len(index), empty, most, largest)


def _blocks(index: SpladeIndex) -> Iterator[tuple[int, sp.csr_matrix]]:
    """The vectors of the rows that are not deleted, with the number of the first among those."""
    start = 0
    for segment in index.segments:
        for block in segment.live_blocks():
            yield start, block
            start += block.shape[0]


def _id(index: SpladeIndex, number: int) -> str:
    """Of a row, counted among those that are not deleted."""
    name = index.ids[int(index.live_rows()[number])]
    return name if len(name) <= SHOWN else name[: SHOWN - 3] + "..."


def _check_ids(index: SpladeIndex, limits: Limits) -> None:
    for row in index.live_rows().tolist():
        for name in (index.ids[row], index.document_ids[row]):
            shown = name if len(name) <= SHOWN else name[: SHOWN - 3] + "..."
            try:
                size = len(name.encode("utf-8"))
            except UnicodeEncodeError:
                raise InputError(f"the id {shown!r} is not UTF-8", "give the document another id") from None
            if limits.id_bytes is not None and size > limits.id_bytes:
                raise InputError(
                    f"{limits.engine} takes ids of at most {limits.id_bytes} bytes, '{shown}' has {size:,}",
                    "give the documents shorter ids",
                )
            if not limits.nul and "\0" in name:
                raise InputError(
                    f"{limits.engine} takes no NUL character in an id: {shown!r}",
                    "give the document another id",
                )


def _check_texts(index: SpladeIndex, limits: Limits) -> None:
    from splade_cli.index.store.chunks import chunk_to_json

    assert limits.text_bytes is not None
    for segment in index.segments:
        for row in segment.survivors().tolist():
            chunk = segment.chunks[row]
            size = len(chunk_to_json(chunk).encode("utf-8", "surrogatepass"))
            if size > limits.text_bytes:
                raise InputError(
                    f"{limits.engine} takes at most {limits.text_bytes:,} bytes of text and metadata a "
                    f"chunk, '{chunk.id[:SHOWN]}' has {size:,}",
                    "cut the documents smaller: "
                    f"splade index DOCS -o {folder_of(index)} --chunk-tokens 256 --force",
                )
