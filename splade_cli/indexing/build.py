"""Building an index: documents are read, cut, encoded and written as one stream, to a folder or in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.cache import Cache, remove_cache
from splade_cli.corpus.documents import Skipped
from splade_cli.errors import InputError
from splade_cli.files import claim_output, remove_leftovers
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo, IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.batches import Batch
from splade_cli.index.store.manifest import MARKS
from splade_cli.index.store.segment_writer import Bm25Request
from splade_cli.index.vectors.impacts import Impacts, check_bits
from splade_cli.indexing.dense import DenseEncoder, DenseWindows
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.pipeline import Opening, Pipeline
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.base import QueryEncoderExport
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, has_fast_tokenizer, write_tokenizer
from splade_cli.progress import Progress, bars, silent
from splade_cli.records import Chunk

DEFAULT = IndexOptions()


@dataclass(frozen=True)
class Indexed:
    """An index that was made.

    Attributes:
        documents: how many were read.
        skipped: what gave no document.
        precision: what documents were encoded in, and why.
    """

    index: SpladeIndex
    documents: int
    skipped: list[Skipped]
    precision: str = ""


def index_documents(
    documents: str | Path,
    output_dir: str | Path | None = None,
    options: IndexOptions = DEFAULT,
    *,
    model: str = "tiny",
    embedder: SpladeEmbedder | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Indexed:
    """Indexes a file or folder of documents.

    What was encoded is kept in a cache beside `output_dir` until the index stands; the same call goes on from
    there.

    Args:
        documents: see `corpus.documents.read_documents`.
        output_dir: where the index folder goes; None keeps it in memory.
        options: what the index is to hold.
        model: used where no `embedder` is given.
        force: replace an index that is there.
        progress: is told how far it is; bars are drawn where None.

    Raises:
        InputError, ModelError: as reading, chunking, loading and encoding raise; other bits than 8 and 16, or
            negative weights with `impacts`.
    """
    options.chunking.check()
    if options.impacts is not None:
        check_bits(options.impacts)
    embedder = embedder or SpladeEmbedder(model)
    with bars(progress) as report:
        reader = ChunkReader(Path(documents), options.chunking, report)
        if output_dir is None:
            if options.query is not None:
                raise InputError("only an index on disk carries a query encoder", "name a folder: output_dir")
            index = _index_in_memory(reader, embedder, options, report)
        else:
            _write_index(reader, Path(output_dir), embedder, options, force=force, progress=report)
            index = SpladeIndex.open(output_dir)
    device = embedder.loaded.device
    return Indexed(index, reader.documents, reader.skipped, f"{device.precision} ({device.reason})")


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
    pipeline = _pipeline(embedder, options, cache)
    return _collected(Opening(chunks), pipeline, options, len(chunks), progress)


def cache_of(output_dir: str | Path) -> Path:
    """Where encoded windows of an index that does not yet stand are kept: a hidden file beside it."""
    path = Path(output_dir)
    return path.with_name(f".{path.name}.cache.sqlite3")


def _index_in_memory(
    reader: ChunkReader, embedder: SpladeEmbedder, options: IndexOptions, progress: Progress
) -> SpladeIndex:
    opening = Opening(reader)
    opening.settle_precision(embedder)
    pipeline = _pipeline(embedder, options, None)
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
        language=opening.language() if options.bm25 else None,
        dense=dense_part,
    )
    index.info = replace(index.info, pruning=options.pruning, impacts=impacts)
    return index


def _write_index(
    reader: ChunkReader,
    output: Path,
    embedder: SpladeEmbedder,
    options: IndexOptions,
    *,
    force: bool,
    progress: Progress,
) -> None:
    claim_output(output, force, MARKS)
    remove_leftovers(output)
    query = None
    count = None
    export = _query_export(embedder, options)
    if export is not None:
        query = export.info
        count = export.count
    opening = Opening(reader)
    opening.settle_precision(embedder)
    bm25 = None
    if options.bm25:
        bm25 = Bm25Request(opening.language())
    with Cache(cache_of(output)) as cache:
        pipeline = _pipeline(embedder, options, cache)
        chunks: Iterable[Chunk] = opening
        reported = progress
        impacts = None
        if options.impacts is not None:
            # Only the largest weight of all says what step fits: all is encoded first, and then read again.
            encoded = pipeline.batches(opening, total=opening.total, progress=progress)
            impacts = Impacts.fitting((batch.vectors for batch in encoded), options.impacts)
            chunks = reader.again()
            reported = silent
        with closing(
            pipeline.batches(chunks, count=count, total=opening.total, progress=reported)
        ) as batches:
            first = next(batches)
            info = IndexInfo(
                encoder=embedder.description,
                query=query,
                dense=_dense_info(pipeline, first),
                impacts=impacts,
                pruning=options.pruning,
                chunking=options.chunking,
            )

            def write_files(folder: Path) -> None:
                _write_encoder_files(embedder, export, folder)

            content = storage.Content(embedder.vocabulary, info, write_files, bm25)
            every = _told(chain([first], batches), progress)
            storage.write(output, every, content, dimensions=embedder.loaded.model.dimensions, force=force)
    progress("write", 1, 1)
    remove_cache(cache_of(output))


def _query_export(embedder: SpladeEmbedder, options: IndexOptions) -> QueryEncoderExport | None:
    """What encodes the queries of the index in place of the model; None where the model does."""
    if options.query is not None:
        return options.query(embedder)
    if embedder.loaded.model.query_table is not None:
        return export_static(embedder)
    return None


def _pipeline(embedder: SpladeEmbedder, options: IndexOptions, cache: Cache | None) -> Pipeline:
    dense = None
    if options.dense is not None:
        dense = DenseWindows(options.dense, cache)
    return Pipeline(embedder, dense, options.pruning, options.workers, cache)


def _told(batches: Iterator[Batch], progress: Progress) -> Iterator[Batch]:
    """The same batches; says when they end that only writing remains."""
    yield from batches
    progress("write", 0, 1)


def _dense_info(pipeline: Pipeline, batch: Batch) -> DenseInfo | None:
    if pipeline.dense is None or batch.dense is None:
        return None
    return pipeline.dense.info(batch.dense.shape[1])


def _write_encoder_files(embedder: SpladeEmbedder, export: QueryEncoderExport | None, folder: Path) -> None:
    """Writes the model's tokenizer, where it is one file, and what encodes queries without the model."""
    tokenizer = embedder.loaded.tokenizer
    if has_fast_tokenizer(tokenizer):
        write_tokenizer(tokenizer, folder / TOKENIZER, embedder.loaded.model.max_seq_length)
    if export is not None:
        export.write(folder)
