"""An index folder written as one stream: what was encoded is kept in a cache beside it until it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

from splade_cli.cache import Cache, remove_cache
from splade_cli.files import claim_output, remove_leftovers
from splade_cli.index.info import DenseInfo, IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.batches import Batch
from splade_cli.index.store.manifest import MARKS
from splade_cli.index.store.segment_writer import Bm25Request
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.pipeline import Opening, Pipeline
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.base import QueryEncoderExport
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, has_fast_tokenizer, write_tokenizer
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk


def cache_of(output_dir: str | Path) -> Path:
    """Where encoded windows of an index that does not yet stand are kept: a hidden file beside it."""
    path = Path(output_dir)
    return path.with_name(f".{path.name}.cache.sqlite3")


def write_index(
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
        pipeline = Pipeline.of(embedder, options, cache)
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
