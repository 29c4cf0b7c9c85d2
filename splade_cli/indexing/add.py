"""Adding documents to an index folder: new and changed ones are written, equal ones skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from splade_cli.corpus.chunks import Chunking
from splade_cli.corpus.documents import Folded, Remarked, Skipped
from splade_cli.corpus.options import DEFAULT_READING, ReadingOptions
from splade_cli.corpus.segmentation.text_model import TextModel, Tokens
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.chunks import chunk_from_json, chunk_to_json
from splade_cli.index.updates import IndexWriter, Merged
from splade_cli.indexing.dense import DenseEncoder, DenseWindows
from splade_cli.indexing.models import check_model, dense_of, embedder_of
from splade_cli.indexing.on_disk import cache_of
from splade_cli.indexing.pipeline import Pipeline
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encoding.text_tokens import TextTokens
from splade_cli.model.query_encoders.tokenizer import TOKENIZER
from splade_cli.progress import Progress, bars
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache, remove_cache


@dataclass
class Added:
    """What became of the documents that were read.

    Attributes:
        new, changed, unchanged: documents.
        gone: documents that were removed, since the folder does not hold them.
        chunks: those that were written.
        skipped: what gave no document.
        merged: what merging did where it was due.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    chunks: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    merged: Merged | None = None


def add_documents(
    documents: str | Path,
    index_dir: str | Path,
    *,
    embedder: SpladeEmbedder | None = None,
    dense: DenseEncoder | None = None,
    reading: ReadingOptions = DEFAULT_READING,
    most_gone: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Added:
    """Adds a file or folder of documents to an index folder, in one step.

    A document whose id is in the index replaces that one, unless all its chunks are as they were. Ids of
    files are their paths below the folder that is named, as they were when the index was built. Chunks are
    cut and vectors pruned and rounded as the index's own; the step of its weights stays, so one above the
    largest that it can hold becomes that. What was encoded is kept in a cache beside the index until the new
    generation stands.

    Args:
        embedder: the model that made the index, where it is loaded already or lies elsewhere now.
        dense: the same of its dense model, where it has one.
        reading: how large a file may be, how long it may take, and whether links are followed.
        most_gone: None keeps what is not among the documents; a number removes it, unless it is more than
            this share of the index's documents. What a file held that cannot be read now is kept.
        workers: encoding processes, see `model.encoding.windows.encode_windows`.
        progress: is told how far it is; bars are drawn where None.

    Raises:
        IndexFolderError: no index there, damaged, made by another model, or being written to.
        InputError, ModelError: as reading, chunking, loading and encoding raise; more gone than `most_gone`.
    """
    with bars(progress) as report, IndexWriter(index_dir) as writer:
        index = writer.index
        chunking = index.info.chunking or Chunking()

        def encode(texts: Sequence[str]) -> sp.csr_matrix:
            return (embedder or embedder_of(index)).encode(texts)

        text_model = TextModel(_tokens_of(index, chunking), encode)
        reader = ChunkReader(Path(documents), chunking, report, reading, text_model)
        additions = _Additions(index)
        chunks = additions.of(reader)
        if most_gone is not None:
            chunks = additions.and_gone(chunks, reader, most_gone)
        first = next(chunks, None)
        if first is None:
            writer.delete(np.array(sorted(additions.replaced), dtype=np.int64))
        else:
            embedder = embedder or embedder_of(index)
            check_model(index, embedder)
            with Cache(cache_of(index_dir)) as cache:
                windows = None
                if index.info.dense is not None:
                    windows = DenseWindows(dense or dense_of(index), cache)
                pipeline = Pipeline(embedder, windows, index.info.pruning, workers, cache)
                with closing(pipeline.batches(chain([first], chunks), progress=report)) as batches:
                    writer.append(batches, replaced=additions.replaced)
        if additions.replaced or additions.counts.chunks:
            report("write", 0, 1)
            additions.counts.merged = writer.merge_where_due()
            report("write", 1, 1)
        remove_cache(cache_of(index_dir))
        additions.counts.skipped = reader.skipped
        return additions.counts


def _tokens_of(index: SpladeIndex, chunking: Chunking) -> Tokens | None:
    """Counts tokens as the model of the index does, by the tokenizer that the index keeps."""
    if chunking.tokens is None or chunking.window is None or index.encoder_files is None:
        return None
    path = index.encoder_files.path(TOKENIZER)
    return None if path is None else TextTokens.of_file(path, chunking.window)


class _Additions:
    """The chunks of documents that an index does not hold as they are.

    Attributes:
        counts: of the documents and chunks that have passed.
        replaced: rows of the index in whose place they come.
    """

    def __init__(self, index: SpladeIndex) -> None:
        self.counts = Added()
        self.replaced: set[int] = set()
        self._index = index
        self._ids: set[str] = set()
        self._seen: set[str] = set()

    def of(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Those of new and changed documents, under ids that no other document's chunk has."""
        for document_id, group in groupby(chunks, key=attrgetter("document_id")):
            document = list(group)
            self._seen.add(document_id)
            old = self._index.find(document_id, chunks=False).tolist()
            if old and self._unchanged(document, old):
                self.counts.unchanged += 1
                continue
            if old:
                self.counts.changed += 1
            else:
                self.counts.new += 1
            self.replaced.update(old)
            for chunk in document:
                name = self._free_id(chunk.id, set(old))
                self._ids.add(name)
                self.counts.chunks += 1
                yield replace(chunk, id=name)

    def and_gone(self, chunks: Iterable[Chunk], reader: ChunkReader, most: float) -> Iterator[Chunk]:
        """The same; behind the last, documents that were not among them are to be replaced by nothing."""
        yield from chunks
        unread = {skipped.path for skipped in reader.skipped if not isinstance(skipped, (Folded, Remarked))}
        gone: dict[str, list[int]] = {}
        documents = set()
        for row in self._index.live_rows().tolist():
            chunk = self._index.chunks[row]
            documents.add(chunk.document_id)
            if chunk.document_id not in self._seen and chunk.metadata.get("path") not in unread:
                gone.setdefault(chunk.document_id, []).append(row)
        if len(gone) > most * len(documents):
            raise InputError(
                f"{len(gone):,} of the index's {len(documents):,} documents are not there any more, "
                f"such as {next(iter(gone))}",
                "name the folder that the index was made of, or remove them all the same",
                option="force",
            )
        self.counts.gone = len(gone)
        self.replaced.update(row for rows in gone.values() for row in rows)

    def _unchanged(self, document: list[Chunk], old: list[int]) -> bool:
        """Whether a document's chunks are those of the rows `old`."""
        if len(document) != len(old):
            return False
        stored = (self._index.chunks[row] for row in old)
        # an id may bear marks that keep it apart from other documents' ids
        pairs = zip(document, stored, strict=True)
        return all(replace(_as_stored(chunk), id=each.id) == each for chunk, each in pairs)

    def _free_id(self, name: str, replaced: set[int]) -> str:
        """`name`, with marks where another document's chunk has it."""
        while name in self._ids or set(self._index.find(name, documents=False).tolist()) - replaced:
            name = f"{name}'"
        return name


def _as_stored(chunk: Chunk) -> Chunk:
    """A chunk as it is read back from an index, where metadata are JSON."""
    return chunk_from_json(chunk_to_json(chunk))
