"""Documents in, an index out: reads, chunks, encodes and writes, keeping finished work; knows no terminal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.index.inverted import SpladeIndex
from splade_cli.records import Chunk, Progress, claim_output, silent
from splade_cli.search.encoder import SpladeEmbedder


@dataclass(frozen=True)
class Indexed:
    """An index that was made, and what was read for it."""

    index: SpladeIndex
    documents: int
    skipped: list[Skipped]


def index_documents(
    documents: str | Path,
    output_dir: str | Path | None = None,
    *,
    model: str = "tiny",
    force: bool = False,
    embedder: SpladeEmbedder | None = None,
    progress: Progress = silent,
    **chunking: Any,
) -> Indexed:
    """Indexes a file or folder of documents.

    Args:
        documents: see `corpus.documents.read_documents`.
        output_dir: where the index folder goes; None keeps it in memory.
        model: used where no `embedder` is given.
        force: replace an index that is there.
        chunking: see `corpus.chunks.split_document`.

    What was encoded is kept beside `output_dir` until the index stands; the same call goes on from there.

    Raises:
        InputError, ModelError: as reading, chunking, loading and encoding raise.
    """
    if output_dir is not None:
        claim_output(Path(output_dir), force)
    reading = read_documents(Path(documents))
    progress("read", len(reading.documents), len(reading.documents))
    chunks = split_documents(reading.documents, **chunking)
    embedder = embedder or SpladeEmbedder(model)
    index = index_chunks(chunks, embedder, shards_of(output_dir), progress)
    if output_dir is not None:
        index.save(output_dir, force=force)
        shutil.rmtree(shards_of(output_dir) or "", ignore_errors=True)
        index = SpladeIndex.open(output_dir)
    return Indexed(index, len(reading.documents), reading.skipped)


def shards_of(output_dir: str | Path | None) -> Path | None:
    """Where the vectors of an unfinished index are kept: a hidden folder beside it."""
    if output_dir is None:
        return None
    path = Path(output_dir)
    return path.with_name(f".{path.name}.partial")


def index_chunks(
    chunks: Sequence[Chunk], embedder: SpladeEmbedder, shards: Path | None = None, progress: Progress = silent
) -> SpladeIndex:
    """An index in memory over `chunks`; with `shards`, encoded windows are kept there."""
    texts = [chunk.content for chunk in chunks]
    vectors = embedder.encode_kept(texts, shards, progress) if shards else embedder.encode(texts, "document", progress)
    rows = []
    for chunk in chunks:
        row = asdict(chunk)
        row["headings"] = list(chunk.headings)
        rows.append(row)
    return SpladeIndex.from_vectors(vectors, rows=rows, vocabulary=embedder.vocabulary, model=embedder.description)
