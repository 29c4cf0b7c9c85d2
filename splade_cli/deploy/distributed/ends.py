"""Both ends of encoding by many: documents to Parquet files of chunks, and files of vectors to one index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from splade_cli.corpus.chunks import BY_TOKENS, Chunking
from splade_cli.corpus.options import ReadingOptions
from splade_cli.deploy.distributed.encoding import made_how, model_of
from splade_cli.deploy.distributed.tables import (
    chunk_schema,
    chunks_of_table,
    parts_of,
    table_of,
    tables_of,
    vectors_of_table,
)
from splade_cli.errors import InputError
from splade_cli.index.bm25.language import identify_language, required_language
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.batches import Batch
from splade_cli.index.store.segment_writer import Bm25Request
from splade_cli.indexing.on_disk import claimed_index, write_encoder_files
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.storage.files import claim_output, replacing_folder

ROWS_OF_A_PART = 2000
ROWS_AT_ONCE = 4096
LANGUAGE_SAMPLE = 200


def write_chunks(
    documents: str | Path,
    output: str | Path,
    model: str,
    *,
    chunking: Chunking = BY_TOKENS,
    rows: int = ROWS_OF_A_PART,
    force: bool = False,
    progress: Progress = silent,
) -> int:
    """Cuts documents into chunks as `splade index` does, and writes them as ``part-*.parquet``.

    Args:
        model: that will read them, by whose tokens they are counted.
        rows: chunks of a part, which is what is lost with a worker.

    Returns:
        How many parts there are.

    Raises:
        InputError: as reading and chunking raise; `output` is taken.
    """
    import pyarrow.parquet as pq

    chunking.check()
    text_model = SpladeEmbedder(model).text_model
    reader = ChunkReader(
        Path(documents), chunking.read_by(text_model), progress, ReadingOptions(), text_model
    )
    claim_output(Path(output), force, ("part-00000.parquet",))
    number = 0
    with replacing_folder(Path(output)) as temporary:
        for part in _in_parts(iter(reader), rows):
            table = table_of(part).cast(chunk_schema())
            pq.write_table(table, temporary / f"part-{number:05}.parquet", compression="zstd")
            number += 1
    return number


def _in_parts(chunks: Iterator[Chunk], rows: int) -> Iterator[list[Chunk]]:
    part: list[Chunk] = []
    for chunk in chunks:
        part.append(chunk)
        if len(part) == rows:
            yield part
            part = []
    if part:
        yield part


def index_vectors(
    vectors: str | Path,
    output: str | Path,
    model: str,
    *,
    language: str | None = None,
    chunking: Chunking = BY_TOKENS,
    options: ModelOptions | None = None,
    force: bool = False,
) -> SpladeIndex:
    """Makes one index of files of vectors, in the order of their names, some rows in memory at a time.

    Args:
        model: that made the vectors; its files are what queries need.
        language: of BM25, guessed by the first texts where None.
        chunking: as of `write_chunks`, for documents that are added later.

    Raises:
        InputError: no files, ids that come twice, vectors of several models or of another width, or `output`
            is taken.
    """
    parts = parts_of(vectors)
    _require_one_model(parts)
    embedder = SpladeEmbedder(model, options or ModelOptions(precision="fp32"))
    dimensions = embedder.loaded.model.dimensions
    first = _first_texts(parts)
    spoken = required_language(language) if language is not None else identify_language(first)
    info = IndexInfo(encoder=embedder.description, chunking=chunking.read_by(embedder.text_model))
    content = storage.Content(
        embedder.vocabulary,
        info,
        lambda folder: write_encoder_files(embedder, None, folder),
        Bm25Request(spoken.name),
    )

    def batches() -> Iterator[Batch]:
        for part in parts:
            for table in tables_of(part, ROWS_AT_ONCE):
                yield Batch(chunks_of_table(table), vectors_of_table(table, dimensions))

    with claimed_index(Path(output), force):
        storage.write(Path(output), batches(), content, dimensions=dimensions, force=force)
    return SpladeIndex.open(output)


def _first_texts(parts: list[Path]) -> list[str]:
    """Some texts of the first part that has any, by which the language is guessed."""
    for part in parts:
        for table in tables_of(part, LANGUAGE_SAMPLE):
            if table.num_rows:
                return [chunk.content for chunk in chunks_of_table(table)]
    return []


def _require_one_model(parts: list[Path]) -> None:
    """Raises InputError naming two parts whose vectors were made by different models, or otherwise by one."""
    first = model_of(parts[0])
    how = made_how(parts[0])
    for part in parts:
        if model_of(part) != first:
            raise InputError(
                f"{parts[0].name} and {part.name} were made by different models",
                "encode the chunks again: only the parts of another model are made anew",
            )
        if made_how(part) != how:
            raise InputError(
                f"{parts[0].name} and {part.name} were not encoded alike: {how}; {made_how(part)}",
                "encode the chunks again, all in one precision and length",
            )
