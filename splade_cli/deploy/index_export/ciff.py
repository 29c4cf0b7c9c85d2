"""Posting lists in the Common Index File Format: delimited protobuf messages that other engines
read, such as Lucene, PISA, JASS and Terrier.

A header, a ``PostingsList`` for each term in the order of its bytes, a ``DocRecord`` for each text. Numbers
of texts are gaps to the one before; weights stand in the place of term frequencies, as whole numbers. Source
of the format: https://github.com/osirrc/ciff , arXiv 2003.08276.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_cli.deploy.index_export.anserini import write_topics
from splade_cli.deploy.index_export.parts import PartWriter, json_line
from splade_cli.deploy.index_export.plain import FILE_BYTES, text_body
from splade_cli.deploy.index_export.source import Source
from splade_cli.engines.remote.limits import Limits

LIMITS = Limits("CIFF", dimensions=(1 << 31) - 1, negative=False)
VERSION = 1
POSTINGS_AT_ONCE = 1 << 25
"""Held in memory: with more the vectors are read several times, a range of terms each time."""
VARINT, FIXED64, BYTES = 0, 1, 2


class Totals(NamedTuple):
    """Sums over all texts, from a first look.

    Attributes:
        lengths: int64 [n], the sum of each text's whole weights.
        frequencies: int64 [V], in how many texts each dimension is active.
    """

    lengths: NDArray[np.int64]
    frequencies: NDArray[np.int64]


def write_ciff(source: Source, folder: Path) -> None:
    """``index.ciff``, ``topics.tsv``, and ``texts/part-*.jsonl``, for which the format has no place."""
    totals = _totals(source)
    texts = PartWriter(folder / "texts", ".jsonl", FILE_BYTES)
    with (folder / "index.ciff").open("wb") as out:
        out.write(delimited(_header(source, totals)))
        _write_postings(source, totals, out)
        for number, row in enumerate(source.rows()):
            record = number_field(1, number) + text_field(2, row.chunk.id)
            out.write(delimited(record + number_field(3, int(totals.lengths[number]))))
            texts.write(json_line(text_body(row)))
    texts.close()
    write_topics(source, folder)


def _totals(source: Source) -> Totals:
    lengths = []
    frequencies = np.zeros(source.index.dimensions, dtype=np.int64)
    for segment in source.index.segments:
        for block in segment.live_blocks():
            sums = np.concatenate([[0], np.cumsum(source.whole(block.data))])
            lengths.append(np.diff(sums[block.indptr]))
            frequencies += np.bincount(block.indices, minlength=source.index.dimensions)
    return Totals(np.concatenate([np.empty(0, np.int64), *lengths]), frequencies)


def _header(source: Source, totals: Totals) -> bytes:
    terms = int(np.count_nonzero(totals.frequencies))
    texts = len(totals.lengths)
    sum_of_lengths = int(totals.lengths.sum())
    return b"".join(
        (
            number_field(1, VERSION),
            number_field(2, terms),
            number_field(3, texts),
            number_field(4, terms),
            number_field(5, texts),
            number_field(6, sum_of_lengths),
            varint(7 << 3 | FIXED64) + struct.pack("<d", sum_of_lengths / max(1, texts)),
            text_field(8, f"learned sparse weights times {source.scale}, by splade"),
        )
    )


def _write_postings(source: Source, totals: Totals, out: BinaryIO) -> None:
    used = np.flatnonzero(totals.frequencies)
    names = source.names.of(used.astype(np.int32))
    order = sorted(range(len(used)), key=lambda place: names[place].encode("utf-8"))
    columns = used[order]
    for start, stop in _ranges(totals.frequencies[columns]):
        chosen = columns[start:stop]
        texts, weights, ends = _postings(source, chosen)
        for place in range(len(chosen)):
            span = slice(int(ends[place - 1]) if place else 0, int(ends[place]))
            name = names[order[start + place]]
            out.write(delimited(postings_list(name, texts[span], weights[span])))


def _ranges(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Spans of terms with about `POSTINGS_AT_ONCE` postings each."""
    start = 0
    held = 0
    for place, size in enumerate(sizes.tolist()):
        if held and held + size > POSTINGS_AT_ONCE:
            yield start, place
            start = place
            held = 0
        held += size
    if start < len(sizes):
        yield start, len(sizes)


def _postings(
    source: Source, columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of texts and whole weights of some dimensions, one after the other, and where each ends."""
    place_of = np.full(source.index.dimensions, -1, dtype=np.int64)
    place_of[columns] = np.arange(len(columns))
    texts = []
    places = []
    weights = []
    first = 0
    for segment in source.index.segments:
        for block in segment.live_blocks():
            found = place_of[block.indices]
            kept = np.flatnonzero(found >= 0)
            rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
            texts.append(rows[kept] + first)
            places.append(found[kept])
            weights.append(source.whole(block.data[kept]))
            first += block.shape[0]
    all_places = np.concatenate([np.empty(0, np.int64), *places])
    order = np.argsort(all_places, kind="stable")  # rows stay ascending
    ends = np.cumsum(np.bincount(all_places, minlength=len(columns)))
    return (
        np.concatenate([np.empty(0, np.int64), *texts])[order],
        np.concatenate([np.empty(0, np.int64), *weights])[order],
        ends,
    )


def postings_list(term: str, texts: NDArray[np.int64], weights: NDArray[np.int64]) -> bytes:
    """A message of one term: ascending numbers of texts, and a weight for each."""
    frequencies = number_field(2, len(texts)) + number_field(3, int(weights.sum()))
    return text_field(1, term) + frequencies + _posting_bytes(np.diff(texts, prepend=0), weights)


def _posting_bytes(gaps: NDArray[np.int64], weights: NDArray[np.int64]) -> bytes:
    """Fields 4, a message of gap and weight each; all at once, since there are millions."""
    gap_sizes = _varint_sizes(gaps)
    weight_sizes = _varint_sizes(weights)
    # at most 2 keys and 10 + 10 bytes of numbers: the length of a posting fits one byte
    inner = 2 + gap_sizes + weight_sizes
    starts = np.cumsum(inner + 2) - (inner + 2)
    out = np.zeros(int((inner + 2).sum()), dtype=np.uint8)
    out[starts] = 4 << 3 | BYTES
    out[starts + 1] = inner
    out[starts + 2] = 1 << 3 | VARINT
    _put_varints(out, starts + 3, gaps, gap_sizes)
    out[starts + 3 + gap_sizes] = 2 << 3 | VARINT
    _put_varints(out, starts + 4 + gap_sizes, weights, weight_sizes)
    return out.tobytes()


def _varint_sizes(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes = np.ones(len(numbers), dtype=np.int64)
    for bits in range(7, 63, 7):
        sizes += numbers >= 1 << bits
    return sizes


def _put_varints(
    out: NDArray[np.uint8], places: NDArray[np.int64], numbers: NDArray[np.int64], sizes: NDArray[np.int64]
) -> None:
    for byte in range(int(sizes.max(initial=0))):
        there = sizes > byte
        more = np.where(sizes > byte + 1, 0x80, 0)
        values = (numbers >> 7 * byte) & 0x7F | more
        out[places[there] + byte] = values[there]


def varint(number: int) -> bytes:
    """A number above or equal to 0 in groups of seven bits, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def number_field(field: int, number: int) -> bytes:
    """A field of a message that is a number."""
    return varint(field << 3 | VARINT) + varint(number)


def text_field(field: int, text: str) -> bytes:
    """A field of a message that is a text."""
    encoded = text.encode("utf-8", "replace")
    return varint(field << 3 | BYTES) + varint(len(encoded)) + encoded


def delimited(message: bytes) -> bytes:
    """A message after its length."""
    return varint(len(message)) + message
