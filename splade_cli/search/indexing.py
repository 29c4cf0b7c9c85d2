"""Documents in, an index out: reads, chunks, encodes and writes, a part at a time and keeping finished work.

Texts pass through ``rows.jsonl`` and vectors through shards in a hidden folder beside the index, so that memory does
not grow with the corpus but for its ids. Knows no terminal.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from splade_cli.corpus.chunks import iterate_chunks, split_documents
from splade_cli.corpus.documents import Skipped, iterate_documents, read_documents
from splade_cli.errors import InputError
from splade_cli.index import storage
from splade_cli.index.inverted import Row, SpladeIndex
from splade_cli.records import Chunk, Document, Progress, claim_output, read_jsonl, replacing, silent
from splade_cli.search.encoder import SpladeEmbedder
from splade_cli.search.queries import Attach, attach_static

AUTOMATIC_FROM = 4096
"""Chunks from which on a lower precision is tried where precision is ``auto``: below, nothing is to be gained."""
SAMPLE = 192


@dataclass(frozen=True)
class Indexed:
    """An index that was made, and what was read for it; `precision` is what documents were encoded in, and why."""

    index: SpladeIndex
    documents: int
    skipped: list[Skipped]
    precision: str = ""


@dataclass
class _Read:
    """Counts of what passed by."""

    documents: int = 0
    chunks: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def index_documents(
    documents: str | Path,
    output_dir: str | Path | None = None,
    *,
    model: str = "tiny",
    force: bool = False,
    embedder: SpladeEmbedder | None = None,
    query: Attach | None = None,
    workers: int = 1,
    progress: Progress = silent,
    **chunking: Any,
) -> Indexed:
    """Indexes a file or folder of documents.

    Args:
        documents: see `corpus.documents.read_documents`.
        output_dir: where the index folder goes; None keeps it in memory.
        model: used where no `embedder` is given.
        force: replace an index that is there.
        query: makes what the index is to carry for encoding queries without the model, e.g. `queries.attach_static`;
            an inference-free model's table is always carried.
        workers: encoding processes, see `model.shards.encode_to_shards`.
        chunking: see `corpus.chunks.split_document`.

    What was encoded is kept beside `output_dir` until the index stands; the same call goes on from there.

    Raises:
        InputError, ModelError: as reading, chunking, loading and encoding raise.
    """
    embedder = embedder or SpladeEmbedder(model)
    if output_dir is None:
        if query is not None:
            raise InputError("only an index on disk carries a query encoder", "name a folder: output_dir")
        reading = read_documents(Path(documents))
        progress("read", len(reading.documents), len(reading.documents))
        index = index_chunks(split_documents(reading.documents, **chunking), embedder, progress=progress)
        return Indexed(index, len(reading.documents), reading.skipped)
    output = Path(output_dir)
    claim_output(output, force)
    inference_free = embedder.loaded.model.query_table is not None
    work = shards_of(output)
    spool = work / "rows.jsonl"
    try:
        read = _spool(Path(documents), spool, chunking, progress)
        if not read.chunks:
            raise InputError(f"no text in {documents}", "its documents hold nothing but blanks")
    except InputError:
        if not list(work.glob("shard-*")):
            shutil.rmtree(work, ignore_errors=True)
        raise
    if inference_free:
        query = query or attach_static
    sample = (
        list(islice(_texts(spool), 0, None, max(1, read.chunks // SAMPLE))) if read.chunks >= AUTOMATIC_FROM else []
    )
    shards = embedder.encode_shards(
        _texts(spool), work, sample=sample, workers=workers, total=read.chunks, progress=progress
    )
    attached = query(embedder, _texts(spool), work) if query else None
    progress("write", 0, 1)
    storage.write(
        output,
        shards.parts,
        read_jsonl(spool),
        embedder.vocabulary,
        embedder.description,
        dimensions=shards.dimensions,
        query=attached.query if attached else None,
        query_files=attached.files if attached else None,
        force=force,
    )
    progress("write", 1, 1)
    shutil.rmtree(work, ignore_errors=True)
    place = embedder.loaded.device
    return Indexed(SpladeIndex.open(output), read.documents, read.skipped, f"{place.precision} ({place.reason})")


def shards_of(output_dir: str | Path) -> Path:
    """Where an unfinished index is kept: a hidden folder beside it."""
    path = Path(output_dir)
    return path.with_name(f".{path.name}.partial")


def _spool(documents: Path, spool: Path, chunking: dict[str, Any], progress: Progress) -> _Read:
    """Writes the records of all chunks of `documents` to `spool`, one document in memory at a time."""
    read = _Read()

    def passing() -> Iterator[Document]:
        for found in iterate_documents(documents):
            if isinstance(found, Skipped):
                read.skipped.append(found)
            else:
                read.documents += 1
                progress("read", read.documents, None)
                yield found

    with replacing(spool) as temporary, open(temporary, "w", encoding="utf-8") as out:
        for chunk in iterate_chunks(passing(), **chunking):
            out.write(json.dumps(_row(chunk), ensure_ascii=False) + "\n")
            read.chunks += 1
    progress("read", read.documents, read.documents)
    return read


def _texts(spool: Path) -> Iterator[str]:
    """What the model reads of each chunk in `spool`."""
    for row in read_jsonl(spool):
        yield Chunk(**{**row, "headings": tuple(row["headings"])}).content


def _row(chunk: Chunk) -> Row:
    return {**asdict(chunk), "headings": list(chunk.headings)}


def index_chunks(
    chunks: Sequence[Chunk], embedder: SpladeEmbedder, shards: Path | None = None, progress: Progress = silent
) -> SpladeIndex:
    """An index in memory over `chunks`; with `shards`, encoded windows are kept there."""
    texts = [chunk.content for chunk in chunks]
    vectors = embedder.encode_kept(texts, shards, progress) if shards else embedder.encode(texts, "document", progress)
    rows = [_row(chunk) for chunk in chunks]
    return SpladeIndex.from_vectors(vectors, rows=rows, vocabulary=embedder.vocabulary, model=embedder.description)
