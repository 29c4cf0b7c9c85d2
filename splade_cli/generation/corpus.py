"""The corpus of a generation run: documents, their chunks and language, and how much of a large one is used.

Training reads some thousand rows, and what takes time is encoding each chunk that is ranked. So of a large
corpus as many queries are written as are wanted, about chunks spread evenly over it, and negatives come from
these and an even sample of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.generation.options import GenerateOptions, Llm, Offline
from splade_cli.index.bm25.language import Language, identify_language, named_language
from splade_cli.model.embedder import text_model_of
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, Document

RANKED = 6144
"""Chunks ranked at most, unless all queries are wanted or more chunks have one."""


@dataclass(frozen=True)
class Corpus:
    """Documents and their chunks, in the order of reading.

    Attributes:
        skipped: what could not be read.
        found: the language of the documents, and what says so.
    """

    documents: Sequence[Document]
    skipped: Sequence[Skipped]
    chunks: Sequence[Chunk]
    found: Language

    @property
    def language(self) -> str:
        """Name of the language of the documents."""
        return self.found.name


def chunked_corpus(
    options: GenerateOptions, language: str | None = None, progress: Progress = silent
) -> Corpus:
    """Reads and cuts the documents; `language` is guessed where None. Raises InputError as both do."""
    reading = read_documents(
        Path(options.documents), options.reading, max_documents=options.max_documents, progress=progress
    )
    model = text_model_of(options.chunk_for, options.loading)
    chunks = split_documents(reading.documents, options.chunking.read_by(model), model)
    return Corpus(reading.documents, reading.skipped, chunks, _language_of(chunks, language))


def whole_corpus(
    documents: Sequence[Document], skipped: Sequence[Skipped], language: str | None = None
) -> Corpus:
    """Documents that stay whole, one chunk each, under their own ids; blank ones have none."""
    chunks = []
    for document in documents:
        if document.text.strip() or document.title.strip():
            chunks.append(whole(document))
    return Corpus(documents, skipped, chunks, _language_of(chunks, language))


def whole(document: Document) -> Chunk:
    """A document as one chunk."""
    return Chunk(
        document.id,
        document.id,
        document.text,
        document.title,
        end=len(document.text),
        metadata=document.metadata,
    )


def _language_of(chunks: Sequence[Chunk], given: str | None) -> Language:
    """That which is given, by name or code, also one that no words are counted in; else a guess."""
    if given:
        return named_language(given) or Language(given)
    return identify_language([chunk.text for chunk in chunks])


@dataclass(frozen=True)
class Extent:
    """How much of a corpus is used.

    Attributes:
        about: chunks that queries are written for.
        queries_each: written of each at most; None where only the writer knows.
        ranked: chunks that teachers rank, those of `about` among them.
    """

    about: Sequence[Chunk]
    queries_each: int | None
    ranked: Sequence[Chunk]

    @property
    def queries(self) -> int | None:
        """Written at most."""
        return None if self.queries_each is None else len(self.about) * self.queries_each


def extent(options: GenerateOptions, chunks: Sequence[Chunk], about: Sequence[Chunk]) -> Extent:
    """What is used of `chunks` for queries about `about`; all of it where the queries are few, or judged.

    An offline writer is to write fewer queries of each chunk before it leaves chunks out: a language model is
    paid by the chunk.
    """
    queries = options.queries
    most = options.max_queries
    if not isinstance(queries, Offline | Llm):
        return Extent(about, None, chunks)
    each = queries.queries_per_chunk
    if most is None:
        return Extent(about, each, chunks)
    if isinstance(queries, Offline) and about:
        each = min(each, math.ceil(most / len(about)))
    chosen = evenly(about, math.ceil(most / each))
    return Extent(chosen, each, _ranked(chunks, chosen))


def _ranked(chunks: Sequence[Chunk], about: Sequence[Chunk]) -> Sequence[Chunk]:
    """The chunks with a query and an even sample of the others, in the order of the corpus."""
    if len(chunks) <= RANKED:
        return chunks
    needed = {chunk.id for chunk in about}
    others = [chunk for chunk in chunks if chunk.id not in needed]
    needed.update(chunk.id for chunk in evenly(others, max(0, RANKED - len(needed))))
    return [chunk for chunk in chunks if chunk.id in needed]


def evenly(chunks: Sequence[Chunk], count: int) -> Sequence[Chunk]:
    """`count` of them at even distances; all where there are no more."""
    if count >= len(chunks):
        return chunks
    return [chunks[int(position)] for position in np.linspace(0, len(chunks), count, endpoint=False)]
