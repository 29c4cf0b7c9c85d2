"""The corpus of a generation run: documents, the chunks that queries are about, and their language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.generation.options import GenerateOptions
from splade_cli.index.bm25.language import Language, identify_language, named_language
from splade_cli.model.embedder import text_model_of
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, Document


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
