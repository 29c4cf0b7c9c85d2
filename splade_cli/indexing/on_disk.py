"""An index folder written as one stream: what was encoded is kept in a cache beside it until it stands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from splade_cli.index.info import DenseInfo, IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.batches import Batch
from splade_cli.index.store.manifest import NAME
from splade_cli.index.store.segment_writer import Bm25Request
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.indexing.kept_windows import kept_dense, kept_windows
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.pipeline import Findings, Opening, Pipeline
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.base import QueryEncoderExport
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, has_fast_tokenizer, write_tokenizer
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache, key_of, remove_cache
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers
from splade_cli.storage.marks import index_marks

REPLACES = "replaces"
"""Space of the cache that says what stood at the output when the build began."""


def cache_of(output_dir: str | Path) -> Path:
    """Where encoded windows of an index that does not yet stand are kept: a hidden file beside it."""
    path = Path(os.path.realpath(output_dir))
    return path.with_name(f".{path.name}.cache.sqlite3")


@contextmanager
def claimed_index(output: Path, force: bool) -> Iterator[None]:
    """The sole right to build an index at `output`; what builds that were killed left there is gone or used.

    Raises:
        InputError: `output` is taken and `force` is not given, is no place for an index, or another process
            is writing there.
    """
    with claimed(output):
        remove_leftovers(output)
        _remove_outdated_cache(output)
        claim_output(output, force, index_marks(output))
        yield


def _remove_outdated_cache(output: Path) -> None:
    """Removes the cache of a build that was killed when its index stood already."""
    path = cache_of(output)
    if not path.is_file() or not (output / NAME).is_file():
        return
    with Cache(path) as cache:
        before = cache.get(REPLACES, [b""]).get(b"")
    if before is not None and before != _state(output):
        remove_cache(path)


def _state(output: Path) -> bytes:
    """What stands at `output`, in short; empty where no index does."""
    try:
        return key_of((output / NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return b""


def write_index(
    reader: ChunkReader,
    output: Path,
    embedder: SpladeEmbedder,
    options: IndexOptions,
    *,
    force: bool,
    progress: Progress,
) -> Findings:
    """Writes an index to `output`, as a whole or not at all.

    Returns:
        What a sample of the chunks told.

    Raises:
        InputError, ModelError: as `claimed_index`, and as reading, encoding and exporting raise.
    """
    with claimed_index(output, force):
        findings = _write(reader, output, embedder, options, force=force, progress=progress)
        remove_cache(cache_of(output))
    return findings


def _write(
    reader: ChunkReader,
    output: Path,
    embedder: SpladeEmbedder,
    options: IndexOptions,
    *,
    force: bool,
    progress: Progress,
) -> Findings:
    query = None
    count = None
    export = _query_export(embedder, options)
    if export is not None:
        query = export.info
        count = export.count
    opening = Opening(reader)
    findings = opening.findings(embedder, options.language)
    bm25 = None
    if options.bm25:
        bm25 = Bm25Request(findings.language.name)
    with ExitStack() as caches:
        own = caches.enter_context(Cache(cache_of(output)))
        own.put(REPLACES, {b"": _state(output)})
        cache = own
        if options.cache is not None:
            cache = caches.enter_context(kept_windows(options.cache, embedder))
            if options.dense is not None:
                kept = caches.enter_context(kept_dense(options.cache, options.dense))
                options = replace(options, dense=kept)
        opening.settle_precision(embedder, options.dense, cache)
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
                write_encoder_files(embedder, export, folder)

            content = storage.Content(embedder.vocabulary, info, write_files, bm25)
            every = _told(chain([first], batches), progress)
            storage.write(output, every, content, dimensions=embedder.loaded.model.dimensions, force=force)
    progress("write", 1, 1)
    return findings


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


def write_encoder_files(embedder: SpladeEmbedder, export: QueryEncoderExport | None, folder: Path) -> None:
    """Writes the model's tokenizer, where it is one file, and what encodes queries without the model."""
    tokenizer = embedder.loaded.tokenizer
    if has_fast_tokenizer(tokenizer):
        write_tokenizer(tokenizer, folder / TOKENIZER, embedder.loaded.model.max_seq_length)
    if export is not None:
        export.write(folder)
