"""Chunks of documents: overlapping slices with their offsets and headings.

How long they are is counted in characters, or in the tokens of the model that is to read them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from splade_cli.corpus.segmentation.boundaries import Boundaries, StructureBoundaries
from splade_cli.corpus.segmentation.sentences import (
    SemanticBoundaries,
    SentenceBoundaries,
    WordBoundaries,
)
from splade_cli.corpus.segmentation.sizes import CharacterFit, Fit, Sizes, TokenFit
from splade_cli.corpus.segmentation.slices import Slicer
from splade_cli.corpus.segmentation.structure import HeadingPaths, structure_of
from splade_cli.corpus.segmentation.text_model import NO_MODEL, TextModel
from splade_cli.errors import InputError, OptionError
from splade_cli.records import Chunk, Document

MIN_CHARS = 500
TARGET_CHARS = 1000
MAX_CHARS = 2000
TOKENS = 200
"""Tokens wished for in a chunk that is to be read by a model."""
FEWEST_TOKENS = 16
CHUNKERS = ("structure", "fixed", "sentence", "semantic")
OVERLAP = 0.15
LEAST_OVERLAP = 0.10
MOST_OVERLAP = 0.20


@dataclass(frozen=True)
class Chunking:
    """Sizes of chunks, and the share of a chunk that the next one repeats.

    Attributes:
        min_chars, target_chars, max_chars: characters at least, wished for, and at most.
        overlap: of a chunk what the next one repeats, 0 or 0.1 to 0.2.
        tokens: wished for in a chunk, of the model that reads it. There are half as many at least, twice as
            many at most, and with title and headings never more than it reads. The sizes in characters
            are not used then.
        window: how many that model reads of a text, where it is known.
        chunker: where documents are cut: ``structure``, between sections, paragraphs and lines; ``fixed``, as
            near to the wished size as words allow; ``sentence``, between sentences; ``semantic``, between
            those that are least alike to the model.
    """

    min_chars: int = MIN_CHARS
    max_chars: int = MAX_CHARS
    target_chars: int = TARGET_CHARS
    overlap: float = OVERLAP
    tokens: int | None = None
    window: int | None = None
    chunker: str = "structure"

    def read_by(self, model: TextModel) -> Chunking:
        """The same for a reader that is known; in characters where nothing counts its tokens."""
        if self.tokens is None or model.tokens is None:
            return replace(self, tokens=None, window=None)
        return replace(self, window=model.tokens.window)

    def check(self) -> None:
        """Raises InputError for sizes that do not fit together, or an unknown chunker."""
        if self.chunker not in CHUNKERS:
            raise OptionError(f"unknown chunker '{self.chunker}'", f"one of {', '.join(CHUNKERS)}")
        if self.tokens is not None and self.tokens < FEWEST_TOKENS:
            raise OptionError(
                f"a chunk must have at least {FEWEST_TOKENS} tokens, got {self.tokens}",
                f"the default is {TOKENS}",
            )
        least = self.min_chars
        most = self.max_chars
        if least <= 0:
            raise OptionError(
                f"the smallest chunk must have more than 0 characters, got {least}",
                f"the default is {MIN_CHARS}",
            )
        if most < 2 * least:
            raise OptionError(
                f"the largest chunk must have at least twice the characters of the smallest, "
                f"got {most} and {least}",
                f"raise the largest to {2 * least}, or lower the smallest to {max(1, most // 2)}",
            )
        if not least <= self.target_chars <= most:
            raise OptionError(
                f"the wished size of a chunk must lie between {least} and {most}, got {self.target_chars}",
                f"for example {(least + most) // 2}",
            )
        if not (self.overlap == 0 or LEAST_OVERLAP <= self.overlap <= MOST_OVERLAP):
            raise OptionError(
                f"the overlap of chunks must be 0 or between {LEAST_OVERLAP} and {MOST_OVERLAP}, "
                f"got {self.overlap}",
                f"the default is {OVERLAP}",
            )


BY_CHARACTERS = Chunking()
BY_TOKENS = Chunking(tokens=TOKENS)


def split_documents(
    documents: Iterable[Document], chunking: Chunking = BY_CHARACTERS, model: TextModel = NO_MODEL
) -> list[Chunk]:
    """The slices of all documents in order, with ids that are unique if those of the documents are.

    The slices of a document together hold all of its text; a short one is kept whole. Every slice of a longer
    one has as much as `chunking` says, and begins with the last 10-20% of the slice before it (with nothing
    of it if `overlap` is 0). The exception to both is a run of blanks that is wider than the sizes leave room
    for. Nothing but blanks gives no slice.

    Args:
        model: the one that is to read the slices, where `chunking` counts its tokens or compares sentences.
    """
    documents = list(documents)
    known = {document.id for document in documents}
    return list(iterate_chunks(documents, chunking, model, known=known))


def iterate_chunks(
    documents: Iterable[Document],
    chunking: Chunking = BY_CHARACTERS,
    model: TextModel = NO_MODEL,
    *,
    known: Collection[str] = (),
) -> Iterator[Chunk]:
    """Like `split_documents`, one document at a time; ids in `known` are kept for the whole documents.

    Raises:
        InputError: sizes that do not fit together, or a model is needed that is not given.
    """
    chunking.check()
    if chunking.tokens is not None and model.tokens is None:
        raise InputError("nothing counts the tokens of a chunk", "give sizes in characters")
    if chunking.chunker == "semantic" and model.encode is None:
        raise InputError("nothing compares sentences", "cut between sections, which is 'structure'")
    ids = set(known)
    for document in documents:
        for chunk in _chunks(document, chunking, model):
            is_known = chunk.id == document.id and chunk.id in known
            while not is_known and chunk.id in ids:
                chunk = replace(chunk, id=f"{chunk.id}'")
            ids.add(chunk.id)
            yield chunk


def _chunks(document: Document, chunking: Chunking, model: TextModel) -> list[Chunk]:
    text = document.text
    if not text.strip():
        return []
    structure = structure_of(text)
    if chunking.tokens is None or model.tokens is None:
        sizes = Sizes(chunking.min_chars, chunking.target_chars, chunking.max_chars)
        fit: Fit = CharacterFit(sizes, document.title)
    else:
        sizes = Sizes(chunking.tokens // 2, chunking.tokens, 2 * chunking.tokens)
        fit = TokenFit(sizes, text, document.title, model.tokens)
    if chunking.chunker == "fixed":
        boundaries: Boundaries = WordBoundaries(text)
    elif chunking.chunker == "sentence":
        boundaries = SentenceBoundaries(text)
    elif chunking.chunker == "semantic" and model.encode is not None:
        boundaries = SemanticBoundaries(text, model.encode)
    else:
        boundaries = StructureBoundaries(structure)
    paths = HeadingPaths(structure, document.title)
    slices = list(Slicer(text, paths, boundaries, fit, chunking.overlap))
    chunks = []
    for number, part in enumerate(slices, 1):
        chunk = Chunk(
            id=document.id if len(slices) == 1 else f"{document.id}::{number}",
            document_id=document.id,
            text=text[part.start : part.end],
            title=fit.title,
            headings=part.headings,
            start=part.start,
            end=part.end,
            metadata=document.metadata_at(part.start),
        )
        chunks.append(chunk)
    return chunks
