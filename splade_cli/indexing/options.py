"""Options of indexing: chunk sizes, what is stored of each chunk, and what encodes queries later."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.corpus.chunks import BY_TOKENS, Chunking
from splade_cli.corpus.options import ReadingOptions
from splade_cli.index.vectors.pruning import Pruning
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.model.query_encoders.base import ExportQueries


@dataclass(frozen=True)
class IndexOptions:
    """What an index is to hold.

    Attributes:
        chunking: sizes of chunks, see `corpus.chunks.split_documents`; by characters where the model's
            tokenizer does not say where its tokens start.
        reading: how large a file may be, how long it may take, and whether links are followed.
        bm25: store the words of the chunks as well, for searching by BM25 and by both.
        language: of the documents, by name or code: its stop words and its stemmer are BM25's. Guessed where
            None; what is added later is counted in the same.
        dense: store vectors of this model as well.
        query: makes what the index is to carry for encoding queries without the model, such as
            `static_export.export_static`; an inference-free model's table is always carried.
        pruning: what to leave out of each vector, here and of what is added later. Scores and explanations
            are those of what is left.
        impacts: 8 or 16 bits a weight in place of float32, of a step that fits the largest weight; in memory
            the weights are rounded and stay float32.
        workers: encoding processes, see `model.encoding.windows.encode_windows`.
        cache: a folder of encoded windows, read and added to, see `kept_windows`; for an index on disk.
    """

    chunking: Chunking = BY_TOKENS
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    bm25: bool = True
    language: str | None = None
    dense: DenseEncoder | None = None
    query: ExportQueries | None = None
    pruning: Pruning = field(default_factory=Pruning)
    impacts: int | None = None
    workers: int = 1
    cache: Path | None = None
