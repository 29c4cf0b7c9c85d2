"""Chunks of documents: overlapping slices with their offsets and headings.

A text is walked once from left to right; where it is best cut next is for `boundaries` to say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from splade_cli.corpus.segmentation.boundaries import (
    Cut,
    Range,
    best_end,
    best_start,
    hard_cut,
)
from splade_cli.corpus.segmentation.structure import TextStructure, heading_at, structure_of
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Document

MIN_CHARS = 500
TARGET_CHARS = 1000
MAX_CHARS = 2000
OVERLAP = 0.15
LEAST_OVERLAP = 0.10
MOST_OVERLAP = 0.20
_KEEP_WHOLE = 1.3
# So small a price of distance that it only decides between boundaries of one kind.
_ANY_DISTANCE = 1_000_000


@dataclass(frozen=True)
class Chunking:
    """Sizes of chunks in characters, and the share of a chunk that the next one repeats."""

    min_chars: int = MIN_CHARS
    max_chars: int = MAX_CHARS
    target_chars: int = TARGET_CHARS
    overlap: float = OVERLAP

    def check(self) -> None:
        """Raises InputError for sizes that do not fit together."""
        least = self.min_chars
        most = self.max_chars
        if least <= 0:
            raise InputError(
                f"the smallest chunk must have more than 0 characters, got {least}",
                f"the default is {MIN_CHARS}",
            )
        if most < 2 * least:
            raise InputError(
                f"the largest chunk must have at least twice the characters of the smallest, "
                f"got {most} and {least}",
                f"raise the largest to {2 * least}, or lower the smallest to {max(1, most // 2)}",
            )
        if not least <= self.target_chars <= most:
            raise InputError(
                f"the wished size of a chunk must lie between {least} and {most}, got {self.target_chars}",
                f"for example {(least + most) // 2}",
            )
        if not (self.overlap == 0 or LEAST_OVERLAP <= self.overlap <= MOST_OVERLAP):
            raise InputError(
                f"the overlap of chunks must be 0 or between {LEAST_OVERLAP} and {MOST_OVERLAP}, "
                f"got {self.overlap}",
                f"the default is {OVERLAP}",
            )


class _Slice(NamedTuple):
    """Start and end, and where the part begins that the slice before has not got."""

    start: int
    end: int
    new: int


DEFAULT_CHUNKING = Chunking()


def split_documents(documents: Iterable[Document], chunking: Chunking = DEFAULT_CHUNKING) -> list[Chunk]:
    """The slices of all documents in order, with ids that are unique if those of the documents are.

    The slices of a document together hold all of its text; a short one is kept whole. Every slice of a longer
    one has `min_chars` to `max_chars` characters, and begins with the last 10-20% of the slice before it
    (with nothing of it if `overlap` is 0). The exception to both is a run of blanks that is wider than the
    sizes leave room for. Nothing but blanks gives no slice.
    """
    documents = list(documents)
    known = {document.id for document in documents}
    return list(iterate_chunks(documents, chunking, known=known))


def iterate_chunks(
    documents: Iterable[Document], chunking: Chunking = DEFAULT_CHUNKING, *, known: Collection[str] = ()
) -> Iterator[Chunk]:
    """Like `split_documents`, one document at a time; ids in `known` are kept for the whole documents.

    Raises:
        InputError: sizes that do not fit together.
    """
    chunking.check()
    ids = set(known)
    for document in documents:
        for chunk in _chunks(document, chunking):
            is_known = chunk.id == document.id and chunk.id in known
            while not is_known and chunk.id in ids:
                chunk = replace(chunk, id=f"{chunk.id}'")
            ids.add(chunk.id)
            yield chunk


def _chunks(document: Document, chunking: Chunking) -> list[Chunk]:
    text = document.text
    if not text.strip():
        return []
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    length = end - start
    if length < 2 * chunking.min_chars or length <= min(
        chunking.max_chars, _KEEP_WHOLE * chunking.target_chars
    ):
        slices = [_Slice(start, end, start)]
        heading_paths = [_opening_heading(text, start, document.title)]
    else:
        structure = structure_of(text)
        slices = list(_slices(structure, start, end, chunking))
        heading_paths = list(_heading_paths(structure, [each.new for each in slices], document.title))
    chunks = []
    for number, (part, headings) in enumerate(zip(slices, heading_paths, strict=True), 1):
        chunk = Chunk(
            id=document.id if len(slices) == 1 else f"{document.id}::{number}",
            document_id=document.id,
            text=text[part.start : part.end],
            title=document.title,
            headings=headings,
            start=part.start,
            end=part.end,
            metadata=document.metadata,
        )
        chunks.append(chunk)
    return chunks


def _slices(structure: TextStructure, start: int, stop: int, chunking: Chunking) -> Iterator[_Slice]:
    new = start
    while True:
        rest = stop - start
        # A slice is at least twice what it shares, and what remains must make a slice too.
        low = start + max(chunking.min_chars, 2 * (new - start))
        last = stop - chunking.min_chars
        if rest <= chunking.max_chars and (rest <= _KEEP_WHOLE * chunking.target_chars or low > last):
            yield _Slice(start, stop, new)
            return
        high = min(start + chunking.max_chars, last)
        within = Range(low, min(max(start + chunking.target_chars, low), high), high)
        cut = best_end(structure, within, last, chunking.target_chars)
        if cut is None and rest <= chunking.max_chars:
            yield _Slice(start, stop, new)
            return
        cut = cut or hard_cut(structure.text, within)
        yield _Slice(start, cut.end, new)
        start = _next_start(structure, start, cut, chunking)
        new = cut.start


def _next_start(structure: TextStructure, start: int, cut: Cut, chunking: Chunking) -> int:
    """Where the next slice starts: at the best boundary in the last 10-20% of the slice that ends here."""
    length = cut.end - start
    low = cut.end - length // 5
    high = cut.end + -length // 10
    # Across a wide gap of blanks the shared words would be most of the next slice.
    is_wide_gap = cut.start - low > chunking.max_chars // 4
    if not chunking.overlap or low > high or is_wide_gap:
        return cut.start
    wished = min(max(cut.end - round(chunking.overlap * length), low), high)
    within = Range(low, wished, high)
    shared = best_start(structure, within, _ANY_DISTANCE) or hard_cut(structure.text, within)
    if shared.start > high:
        return cut.start
    return shared.start


def _opening_heading(text: str, start: int, title: str) -> tuple[str, ...]:
    """The heading path of a text that is kept whole: its first line, if that is a heading."""
    heading = heading_at(text, start)
    if heading is None or heading.words.casefold() == title.strip().casefold():
        return ()
    return (heading.words,)


def _heading_paths(structure: TextStructure, positions: list[int], title: str) -> Iterator[tuple[str, ...]]:
    """For each of the rising positions, the headings that it stands under, without the document's title."""
    path: list[tuple[int, str]] = []
    title = title.strip().casefold()
    done = 0
    for position in positions:
        upto = bisect_right(structure.headings, position, key=lambda heading: heading.start)
        for heading in structure.headings[done:upto]:
            path = [above for above in path if above[0] < heading.level]
            path.append((heading.level, heading.words))
        done = upto
        yield tuple(words for _, words in path if words.casefold() != title)
