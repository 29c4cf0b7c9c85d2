"""Documents in, an index out: reads, chunks, encodes and writes, a part at a time and keeping finished work.

Texts pass through ``rows.jsonl`` and vectors through shards in a hidden folder beside the index, so that memory does
not grow with the corpus but for its ids. Knows no terminal.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.corpus.chunks import (
    MAX_CHARS,
    MIN_CHARS,
    OVERLAP,
    TARGET_CHARS,
    iterate_chunks,
    split_documents,
)
from splade_cli.corpus.documents import Skipped, iterate_documents, read_documents
from splade_cli.errors import InputError
from splade_cli.files import claim_output, read_jsonl, replacing
from splade_cli.index.bm25.search import guess_language
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import Chunking, DenseInfo, IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.manifest import MARKS
from splade_cli.index.store.records import Row, content_of
from splade_cli.index.store.segment import Batch, Words, batched
from splade_cli.index.vectors.dense import unit
from splade_cli.index.vectors.impacts import Impacts, check_bits
from splade_cli.index.vectors.pruning import Pruning
from splade_cli.indexing.models import dense_identity
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.encoders import Attach, attach_static
from splade_cli.records import Chunk, Document, Progress, silent

AUTOMATIC_FROM = 4096
"""Chunks from which on a lower precision is tried where precision is ``auto``: below, nothing is to be gained."""
SAMPLE = 192
NO_PRUNING = Pruning()
DENSE_WINDOW = 2048


class DenseEncoder(Protocol):
    """What makes dense vectors: `model.dense.DenseModel`."""

    name: str

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d]."""


@dataclass(frozen=True)
class Indexed:
    """An index that was made, and what was read for it; `precision` is what documents were encoded in, and why."""

    index: SpladeIndex
    documents: int
    skipped: list[Skipped]
    precision: str = ""


@dataclass
class Spooled:
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
    bm25: bool = True,
    dense: DenseEncoder | None = None,
    pruning: Pruning = NO_PRUNING,
    impacts: int | None = None,
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
        bm25: store the words of the chunks as well, for searching by BM25 and by both.
        dense: store vectors of this model as well.
        pruning: what to leave out of each vector, here and of what is added later. Scores and explanations are those
            of what is left.
        impacts: 8 or 16 bits a weight in place of float32, of a step that fits the largest weight; in memory the
            weights are rounded and stay float32.
        workers: encoding processes, see `model.shards.encode_to_shards`.
        chunking: see `corpus.chunks.split_document`.

    What was encoded is kept beside `output_dir` until the index stands; the same call goes on from there.

    Raises:
        InputError, ModelError: as reading, chunking, loading and encoding raise; other bits than 8 and 16, or negative
            weights with `impacts`.
    """
    if impacts is not None:
        check_bits(impacts)
    embedder = embedder or SpladeEmbedder(model)
    if output_dir is None:
        if query is not None:
            raise InputError("only an index on disk carries a query encoder", "name a folder: output_dir")
        reading = read_documents(Path(documents))
        progress("read", len(reading.documents), len(reading.documents))
        chunks = split_documents(reading.documents, **chunking)
        index = index_chunks(
            chunks, embedder, bm25=bm25, dense=dense, pruning=pruning, impacts=impacts, progress=progress
        )
        index.info = replace(index.info, chunking=chunk_sizes(**chunking))
        return Indexed(index, len(reading.documents), reading.skipped)
    output = Path(output_dir)
    claim_output(output, force, MARKS)
    inference_free = embedder.loaded.model.query_table is not None
    work = shards_of(output)
    spool = work / "rows.jsonl"
    try:
        read = spool_chunks(Path(documents), spool, chunking, progress)
        if not read.chunks:
            raise InputError(f"no text in {documents}", "its documents hold nothing but blanks")
    except InputError:
        if not list(work.glob("shard-*")):
            shutil.rmtree(work, ignore_errors=True)
        raise
    if inference_free:
        query = query or attach_static
    sample = (
        list(islice(texts_of(spool), 0, None, max(1, read.chunks // SAMPLE)))
        if read.chunks >= AUTOMATIC_FROM
        else []
    )
    shards = embedder.encode_shards(
        texts_of(spool), work, sample=sample, workers=workers, total=read.chunks, progress=progress
    )
    attached = query(embedder, texts_of(spool), work) if query else None
    windows = dense_windows(dense, texts_of(spool), work, read.chunks, progress) if dense else []
    progress("write", 0, 1)
    # A first reading of the shards: only the largest weight of all says what step fits 8 or 16 bits.
    steps = Impacts.fitting(shards.parts(), impacts) if impacts is not None else None
    content = storage.Content(
        embedder.vocabulary,
        IndexInfo(
            encoder=embedder.description,
            query=attached.query if attached else None,
            dense=dense_facts(dense, np.load(windows[0], mmap_mode="r").shape[1]) if dense else None,
            impacts=steps,
            pruning=pruning,
            chunking=chunk_sizes(**chunking),
        ),
        attached.write if attached else None,
        Words() if bm25 else None,
    )
    batches = rows_with_vectors(map(pruning.applied, shards.parts()), spool, windows)
    storage.write(output, batches, content, dimensions=shards.dimensions, force=force)
    progress("write", 1, 1)
    shutil.rmtree(work, ignore_errors=True)
    place = embedder.loaded.device
    return Indexed(
        SpladeIndex.open(output), read.documents, read.skipped, f"{place.precision} ({place.reason})"
    )


def shards_of(output_dir: str | Path) -> Path:
    """Where an unfinished index is kept: a hidden folder beside it."""
    path = Path(output_dir)
    return path.with_name(f".{path.name}.partial")


def spool_chunks(documents: Path, spool: Path, chunking: dict[str, Any], progress: Progress) -> Spooled:
    """Writes the records of all chunks of `documents` to `spool`, one document in memory at a time."""
    read = Spooled()

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


def texts_of(spool: Path) -> Iterator[str]:
    """What the model reads of each chunk in `spool`."""
    return (content_of(row) for row in read_jsonl(spool))


def chunk_sizes(
    min_chars: int = MIN_CHARS,
    max_chars: int = MAX_CHARS,
    target_chars: int = TARGET_CHARS,
    overlap: float = OVERLAP,
) -> Chunking:
    """All chunk options, for documents that are added later."""
    return Chunking(min_chars, max_chars, target_chars, overlap)


def chunking_of(index: SpladeIndex) -> dict[str, Any]:
    """The chunk options of an index."""
    return {} if index.info.chunking is None else asdict(index.info.chunking)


def dense_windows(
    model: DenseEncoder, texts: Iterable[str], work: Path, total: int, progress: Progress
) -> list[Path]:
    """Files of dense vectors, float32 [n_i, d] of length 1, in the order of `texts`; those that `work` has are kept."""
    identity = dense_identity(model.name)
    paths: list[Path] = []
    done, waiting = 0, iter(texts)
    while window := list(islice(waiting, DENSE_WINDOW)):
        digest = hashlib.sha256(json.dumps([identity, *window]).encode()).hexdigest()
        path = work / f"dense-{len(paths):06d}-{digest[:16]}.npy"
        if not path.is_file():
            with replacing(path) as temporary, open(temporary, "wb") as out:
                np.save(out, unit(model.encode(window)))
        paths.append(path)
        done += len(window)
        progress("encode densely", done, total)
    for stale in set(work.glob("dense-*.npy")) - set(paths):
        stale.unlink()
    return paths


def rows_with_vectors(
    parts: Iterable[sp.csr_matrix], spool: Path, windows: Sequence[Path]
) -> Iterator[Batch]:
    """Parts of the vectors with their records and, where there are windows of dense vectors, with those."""
    dense = np.concatenate([np.load(path) for path in windows]) if windows else None
    start = 0
    for batch in batched(parts, read_jsonl(spool)):
        end = start + len(batch.rows)
        yield batch._replace(dense=None if dense is None else dense[start:end])
        start = end


def dense_facts(model: DenseEncoder, width: int) -> DenseInfo:
    """What an index says of its dense vectors."""
    return DenseInfo(model.name, dense_identity(model.name), width)


def _row(chunk: Chunk) -> Row:
    return {**asdict(chunk), "headings": list(chunk.headings)}


def index_chunks(
    chunks: Sequence[Chunk],
    embedder: SpladeEmbedder,
    shards: Path | None = None,
    progress: Progress = silent,
    *,
    bm25: bool = False,
    dense: DenseEncoder | None = None,
    pruning: Pruning = NO_PRUNING,
    impacts: int | None = None,
) -> SpladeIndex:
    """An index in memory over `chunks`; with `shards`, encoded windows are kept there. See `index_documents`."""
    texts = [chunk.content for chunk in chunks]
    vectors = (
        embedder.encode_kept(texts, shards, progress)
        if shards
        else embedder.encode(texts, "document", progress)
    )
    vectors = pruning.applied(vectors)
    steps = None
    if impacts is not None:
        steps = Impacts.fitting([vectors], impacts)
        vectors = steps.weights(steps.counts(vectors))
    found = unit(dense.encode(texts)) if dense else None
    index = SpladeIndex.from_vectors(
        vectors,
        rows=[_row(chunk) for chunk in chunks],
        vocabulary=embedder.vocabulary,
        encoder=embedder.description,
        language=guess_language(texts) if bm25 else None,
        dense=(dense_facts(dense, found.shape[1]), found) if dense and found is not None else None,
    )
    index.info = replace(index.info, pruning=pruning, impacts=steps)
    return index
