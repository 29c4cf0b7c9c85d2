"""Documents come in, overlapping slices with offsets and headings go out; knows nothing of files, tokens or
models.

A text is walked once from left to right; where it is best cut next is for `boundaries` to say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from splade_cli.corpus.boundaries import Layout, best_cut, hard_cut, layout_of
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Document

MIN_CHARS, TARGET_CHARS, MAX_CHARS, OVERLAP = 500, 1000, 2000, 0.15
LEAST_OVERLAP, MOST_OVERLAP = 0.10, 0.20
_KEEP_WHOLE = 1.3


@dataclass(frozen=True)
class Chunking:
    """Sizes of chunks in characters, and the share of a chunk that the next one repeats; see `split_document`."""

    min_chars: int = MIN_CHARS
    max_chars: int = MAX_CHARS
    target_chars: int = TARGET_CHARS
    overlap: float = OVERLAP


def split_document(
    document: Document,
    *,
    min_chars: int = MIN_CHARS,
    max_chars: int = MAX_CHARS,
    target_chars: int = TARGET_CHARS,
    overlap: float = OVERLAP,
) -> list[Chunk]:
    """Slices of `document` that together hold all of its text; a short document is kept whole.

    Every slice of a longer one has `min_chars` to `max_chars` characters, and begins with the last 10-20% of
    the slice before it (with nothing of it if `overlap` is 0). The exception to both is a run of blanks that
    is wider than the sizes leave room for. Nothing but blanks gives no slice.
    """
    _check_sizes(min_chars, max_chars, target_chars, overlap)
    if not document.text.strip():
        return []
    start, stop = len(document.text) - len(document.text.lstrip()), len(document.text.rstrip())
    layout = layout_of(document.text)
    length = stop - start
    if length < 2 * min_chars or length <= min(max_chars, _KEEP_WHOLE * target_chars):
        spans = [(start, stop, start)]
    else:
        spans = list(_walk(layout, start, stop, (min_chars, target_chars, max_chars), overlap))
    return [
        Chunk(
            id=document.id if len(spans) == 1 else f"{document.id}::{number}",
            document_id=document.id,
            text=document.text[begin:end],
            title=document.title,
            headings=path,
            start=begin,
            end=end,
            metadata=document.metadata,
        )
        for number, ((begin, end, _), path) in enumerate(
            zip(spans, _heading_paths(layout, [new for _, _, new in spans], document.title), strict=True), 1
        )
    ]


def split_documents(
    documents: Iterable[Document],
    *,
    min_chars: int = MIN_CHARS,
    max_chars: int = MAX_CHARS,
    target_chars: int = TARGET_CHARS,
    overlap: float = OVERLAP,
) -> list[Chunk]:
    """The slices of all documents in order, with ids that are unique if those of the documents are."""
    documents = list(documents)
    return list(
        iterate_chunks(
            documents,
            known={document.id for document in documents},
            min_chars=min_chars,
            max_chars=max_chars,
            target_chars=target_chars,
            overlap=overlap,
        )
    )


def iterate_chunks(
    documents: Iterable[Document],
    *,
    known: Collection[str] = (),
    min_chars: int = MIN_CHARS,
    max_chars: int = MAX_CHARS,
    target_chars: int = TARGET_CHARS,
    overlap: float = OVERLAP,
) -> Iterator[Chunk]:
    """Like `split_documents`, one document at a time; ids in `known` are kept for the whole documents that
    bear them.

    Raises:
        InputError: sizes that do not fit together.
    """
    _check_sizes(min_chars, max_chars, target_chars, overlap)
    taken = set(known)
    for document in documents:
        for chunk in split_document(
            document, min_chars=min_chars, max_chars=max_chars, target_chars=target_chars, overlap=overlap
        ):
            own = chunk.id == document.id and chunk.id in known
            while not own and chunk.id in taken:
                chunk = replace(chunk, id=f"{chunk.id}'")
            taken.add(chunk.id)
            yield chunk


def _check_sizes(least: int, most: int, target: int, overlap: float) -> None:
    if not least > 0:
        raise InputError(f"--chunk-min must be above 0, got {least}", f"the default is {MIN_CHARS}")
    if not most >= 2 * least:
        raise InputError(
            f"--chunk-max must be at least twice --chunk-min, got {most} and {least}",
            f"raise --chunk-max to {2 * least}, or lower --chunk-min to {max(1, most // 2)}",
        )
    if not least <= target <= most:
        raise InputError(
            f"--chunk-size must lie between --chunk-min {least} and --chunk-max {most}, got {target}",
            f"for example --chunk-size {(least + most) // 2}",
        )
    if not (overlap == 0 or LEAST_OVERLAP <= overlap <= MOST_OVERLAP):
        raise InputError(
            f"--overlap must be 0 or between 0.1 and 0.2, got {overlap}", f"the default is {OVERLAP}"
        )


def _walk(
    layout: Layout, start: int, stop: int, sizes: tuple[int, int, int], overlap: float
) -> Iterator[tuple[int, int, int]]:
    """Start and end of each slice, and where in it the part begins that the slice before it has not got."""
    least, target, most = sizes
    new = start
    while True:
        rest = stop - start
        # A slice is at least twice what it shares, and what remains must make a slice too.
        low, last = start + max(least, 2 * (new - start)), stop - least
        if rest <= most and (rest <= _KEEP_WHOLE * target or low > last):
            yield start, stop, new
            return
        high = min(start + most, last)
        wished = min(max(start + target, low), high)
        cut = best_cut(layout, low, wished, high, last, target, 0)
        if cut is None and rest <= most:
            yield start, stop, new
            return
        end, after = cut or hard_cut(layout.text, wished, low, high)
        yield start, end, new
        start, new = _next_start(layout, start, end, after, most, overlap), after


def _next_start(layout: Layout, start: int, end: int, after: int, most: int, overlap: float) -> int:
    """Where the next slice starts: at the best boundary in the last 10-20% of the slice that ends at `end`."""
    length = end - start
    low, high = end - length // 5, end + -length // 10
    # Across a wide gap of blanks the shared words would be most of the next slice.
    if not overlap or low > high or after - low > most // 4:
        return after
    wished = min(max(end - round(overlap * length), low), high)
    # So small a price of distance that it only decides between boundaries of one kind.
    found = best_cut(layout, low, wished, high, high, 1_000_000, 1) or hard_cut(
        layout.text, wished, low, high
    )
    return found[1] if found[1] <= high else after


def _heading_paths(layout: Layout, places: list[int], title: str) -> Iterator[tuple[str, ...]]:
    """For each of the rising `places`, the headings that it stands under, without the document's title."""
    path: list[tuple[int, str]] = []
    done = 0
    for place in places:
        upto = bisect_right(layout.headings, place, key=lambda heading: heading[0])
        for _, level, words in layout.headings[done:upto]:
            path = [above for above in path if above[0] < level]
            path.append((level, words))
        done = upto
        yield tuple(words for _, words in path if words.casefold() != title.strip().casefold())
