"""Making of an index in memory: a segment from vectors and chunks, and one index from another with rows more
or less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.containers.csr import stacked
from splade_cli.index.info import Bm25Info
from splade_cli.index.store.batches import Batch, Dense, canonical, unique_ids
from splade_cli.index.store.segment import Segment
from splade_cli.records import Chunk

if TYPE_CHECKING:
    from splade_cli.index.index import SpladeIndex


def given_chunks(count: int, ids: Sequence[str] | None, texts: Sequence[str] | None) -> list[Chunk]:
    """Chunks of ids, row numbers where there are none, and texts, empty where there are none.

    Raises:
        InputError: counts that differ.
    """
    if ids is None:
        ids = [str(number) for number in range(count)]
    if texts is None:
        texts = [""] * count
    if len(ids) != count or len(texts) != count:
        raise InputError(f"{count} vectors, {len(ids)} ids and {len(texts)} texts", "give one of each a row")
    return [Chunk(name, name, text) for name, text in zip(ids, texts, strict=True)]


def build_segment(
    vectors: sp.csr_matrix, chunks: Sequence[Chunk], bm25: Bm25Info | None, dense: Dense | None
) -> Segment:
    """A segment in memory of vectors that it may change; see `SpladeIndex.from_vectors`."""
    matrix = canonical(vectors)
    count = matrix.shape[0]
    if len(chunks) != count or (dense is not None and len(dense) != count):
        raise InputError(f"{count} vectors and {len(chunks)} chunks", "give one chunk a row")
    for _ in unique_ids([Batch(chunks, matrix)]):
        pass
    return Segment.build(matrix, chunks, bm25=bm25, dense=dense)


def add_rows(index: SpladeIndex, vectors: sp.csr_matrix, chunks: Sequence[Chunk]) -> SpladeIndex:
    """See `SpladeIndex.add`."""
    blocks = [block for segment in index.segments for block in segment.live_blocks()]
    live = [index.chunks[row] for row in index.live_rows().tolist()]
    matrix = stacked([*blocks, canonical(vectors)], index.dimensions)
    return _with_rows(index, matrix, [*live, *chunks], numbered=False)


def remove_rows(index: SpladeIndex, ids: Sequence[str]) -> SpladeIndex:
    """See `SpladeIndex.remove`."""
    live = index.live_rows().tolist()
    deleted = set(ids)
    unknown = deleted - {index.ids[row] for row in live}
    if unknown:
        name = sorted(unknown)[0]
        raise InputError(f"no row '{name}' in the index", "ids are those of the chunks or documents")
    rows = [row for row in live if index.ids[row] not in deleted]
    chunks = [index.chunks[row] for row in rows]
    return _with_rows(index, index.vectors[rows], chunks, numbered=index.info.numbered)


def _with_rows(
    index: SpladeIndex, vectors: sp.csr_matrix, chunks: Sequence[Chunk], *, numbered: bool
) -> SpladeIndex:
    """An index of other rows, with what `index` carries for queries."""
    info = index.info
    if info.impacts is not None:
        matrix = canonical(vectors)
        vectors = info.impacts.weights(info.impacts.counts(matrix))
    segment = build_segment(vectors, chunks, info.bm25, None)
    return replace(
        index,
        segments=[segment],
        info=replace(info, dense=None, numbered=numbered),
        folder=None,
        generation=0,
    )
