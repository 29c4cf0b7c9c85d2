"""An index in memory: the vectors of chunks stacked as they come out of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.pipeline import Opening, Pipeline
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache


def index_chunks(
    chunks: Sequence[Chunk],
    embedder: SpladeEmbedder,
    cache: Cache | None = None,
    progress: Progress = silent,
    *,
    bm25: bool = False,
    dense: DenseEncoder | None = None,
) -> SpladeIndex:
    """An index in memory over `chunks`; with a `cache`, encoded windows are kept there.

    Args:
        bm25, dense: as in `IndexOptions`.
    """
    options = IndexOptions(bm25=bm25, dense=dense)
    opening = Opening(chunks)
    opening.take_kept_precision(embedder, cache)
    pipeline = Pipeline.of(embedder, options, cache)
    return _collected(opening, pipeline, options, len(chunks), progress)


def index_in_memory(
    reader: ChunkReader, embedder: SpladeEmbedder, options: IndexOptions, progress: Progress
) -> SpladeIndex:
    opening = Opening(reader)
    opening.settle_precision(embedder, options.dense)
    pipeline = Pipeline.of(embedder, options, None)
    index = _collected(opening, pipeline, options, opening.total, progress)
    index.info = replace(index.info, chunking=options.chunking)
    return index


def _collected(
    opening: Opening,
    pipeline: Pipeline,
    options: IndexOptions,
    total: int | None,
    progress: Progress,
) -> SpladeIndex:
    """The index in memory of what comes out of a pipeline."""
    chunks: list[Chunk] = []
    vectors = [sp.csr_matrix(np.empty((0, pipeline.embedder.loaded.model.dimensions), dtype=np.float32))]
    dense: list[NDArray[np.float32]] = []
    for batch in pipeline.batches(opening, total=total, progress=progress):
        chunks.extend(batch.chunks)
        vectors.append(batch.vectors)
        if batch.dense is not None:
            dense.append(batch.dense)
    matrix = sp.csr_matrix(sp.vstack(vectors, format="csr", dtype=np.float32))
    impacts = None
    if options.impacts is not None:
        impacts = Impacts.fitting([matrix], options.impacts)
        matrix = impacts.weights(impacts.counts(matrix))
    dense_part = None
    if pipeline.dense is not None and dense:
        dense_part = (pipeline.dense.info(dense[0].shape[1]), np.concatenate(dense))
    index = SpladeIndex.from_vectors(
        matrix,
        chunks=chunks,
        vocabulary=pipeline.embedder.vocabulary,
        encoder=pipeline.embedder.description,
        language=opening.language(options.language).name if options.bm25 else None,
        dense=dense_part,
    )
    index.info = replace(index.info, pruning=options.pruning, impacts=impacts)
    return index
