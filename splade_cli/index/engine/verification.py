"""Checksums and pointers of what a search reads, checked by its loops when they come to it first.

An index folder may be damaged, or made by anyone: what a loop is given by a file is compared with the
checksums of its blocks before it counts, and pointers are held against the arrays that they point into before
they are followed. What was found right once is marked, so that a second search looks at a few marks only.

A guard is the tuple of arrays that `guards.guard_of` makes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.checksums import BLOCK_SHIFT
from splade_cli.index.containers.mapped_file import DAMAGED, INTACT
from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.guards import (
    DATA,
    INDICES,
    INDPTR,
    LEVELS,
    PLANE_OF,
    PLANE_STARTS,
    ROWS,
    SCALES,
    STARTS,
    TERMS,
    WEIGHTS,
    Guard,
)

ENTRY, BOUNDS, SUMS = 1, 2, 4
LANES = 16
POLYNOMIAL = 0xEDB88320


def _tables() -> NDArray[np.uint32]:
    """uint32 [LANES, 256]: what a byte that stands so many bytes before the end adds to a CRC-32."""
    tables = np.zeros((LANES, 256), dtype=np.uint32)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        tables[0, byte] = value
    for lane in range(1, LANES):
        tables[lane] = (tables[lane - 1] >> 8) ^ tables[0][tables[lane - 1] & 255]
    return tables


_TABLES = _tables()


@compiled
def crc32(data: NDArray[np.uint8]) -> np.uint32:
    """The CRC-32 of bytes, 16 at a time [Kounavis and Berry 2005: slicing].

    `zlib.crc32` gives the same and cannot be called from a loop. Numbers are kept unsigned and of 32 bits, or
    the loop takes twice as long.
    """
    low, one, two, three = np.uint32(255), np.uint32(8), np.uint32(16), np.uint32(24)
    whole = len(data) // 16 * 16
    words = data[:whole].view(np.uint32)
    value = np.uint32(0xFFFFFFFF)
    for first in range(0, len(words), 4):
        a, b, c, d = words[first] ^ value, words[first + 1], words[first + 2], words[first + 3]
        value = (
            _TABLES[15, a & low] ^ _TABLES[14, (a >> one) & low]
            ^ _TABLES[13, (a >> two) & low] ^ _TABLES[12, a >> three]
            ^ _TABLES[11, b & low] ^ _TABLES[10, (b >> one) & low]
            ^ _TABLES[9, (b >> two) & low] ^ _TABLES[8, b >> three]
            ^ _TABLES[7, c & low] ^ _TABLES[6, (c >> one) & low]
            ^ _TABLES[5, (c >> two) & low] ^ _TABLES[4, c >> three]
            ^ _TABLES[3, d & low] ^ _TABLES[2, (d >> one) & low]
            ^ _TABLES[1, (d >> two) & low] ^ _TABLES[0, d >> three]
        )  # fmt: skip
    for position in range(whole, len(data)):
        value = (value >> one) ^ _TABLES[0, (value ^ np.uint32(data[position])) & low]
    return value ^ np.uint32(0xFFFFFFFF)


@compiled
def compare(guard: Guard, block: int) -> bool:
    """Whether a block has its checksum, which is marked."""
    data, sums, states = guard[0], guard[1], guard[2]
    start = block << BLOCK_SHIFT
    if crc32(data[start : start + (1 << BLOCK_SHIFT)]) == sums[block]:
        states[block] = INTACT
        return True
    states[block] = DAMAGED
    return False


@compiled
def marked(states: NDArray[np.uint8], start: int, length: int) -> bool:
    """Whether nothing is checked, or the blocks of `length` bytes from `start` on were found right before.

    It becomes part of the loop that asks; to hand on a whole guard takes as long as to find a term.
    """
    if len(states) > 0 and length > 0:
        for block in range(start >> BLOCK_SHIFT, ((start + length - 1) >> BLOCK_SHIFT) + 1):
            if states[block] != INTACT:
                return False
    return True


@compiled
def intact(guard: Guard, start: int, length: int) -> bool:
    """Whether the blocks of `length` bytes from `start` on have their checksums."""
    states = guard[2]
    if len(states) == 0 or length <= 0:
        return True
    for block in range(start >> BLOCK_SHIFT, ((start + length - 1) >> BLOCK_SHIFT) + 1):
        if states[block] != INTACT and not compare(guard, block):
            return False
    return True


@compiled
def entry_fits(
    slot: int, groups: int, postings: tuple[NDArray[Any], ...], planes: tuple[NDArray[Any], ...], guard: Guard
) -> bool:
    """Whether the pointers of a term in a block are intact, and lie inside what they point into."""
    starts, rows = postings[3], postings[4]
    plane_of, plane_starts, scales, levels = planes
    places, known = guard[3], guard[4]
    if not intact(guard, places[STARTS] + 8 * slot, 16) or not intact(guard, places[PLANE_OF] + 4 * slot, 4):
        return False
    if not 0 <= starts[slot] <= starts[slot + 1] <= len(rows):
        return False
    plane = plane_of[slot]
    if plane < -1 or plane >= len(scales):
        return False
    if plane >= 0:
        if not intact(guard, places[PLANE_STARTS] + 8 * plane, 8):
            return False
        if not intact(guard, places[SCALES] + 4 * plane, 4):
            return False
        if not 0 <= plane_starts[plane] <= len(levels) - groups or not 0 <= scales[plane] < np.inf:
            return False
    known[slot] |= ENTRY
    return True


@compiled
def list_fits(slot: int, size: int, postings: tuple[NDArray[Any], ...], guard: Guard) -> bool:
    """Whether a term's postings in a block of `size` rows are intact: rows of the block, ascending, and
    weights in the range that the index says of itself."""
    starts, rows, weights = postings[3], postings[4], postings[5]
    places, known, about = guard[3], guard[4], guard[5]
    start, length = starts[slot], starts[slot + 1] - starts[slot]
    width = weights.itemsize
    if not intact(guard, places[ROWS] + 2 * start, 2 * length):
        return False
    if not intact(guard, places[WEIGHTS] + width * start, width * length):
        return False
    before = np.int64(-1)
    for position in range(start, start + length):
        row = np.int64(rows[position])
        weight = np.float64(weights[position])
        if row <= before or row >= size or not (about[2] <= weight and abs(weight) <= about[4]):
            return False
        before = row
    known[slot] |= SUMS
    return True


@compiled
def lists_fit(slots: NDArray[np.int64], size: int, postings: tuple[NDArray[Any], ...], guard: Guard) -> bool:
    """Whether all that adding up the postings of `slots` reads is right."""
    known = guard[4]
    if len(known) == 0:
        return True
    for slot in slots:
        if slot >= 0 and known[slot] & SUMS == 0 and not list_fits(slot, size, postings, guard):
            return False
    return True


@compiled
def bounds_fit(
    slots: NDArray[np.int64],
    size: int,
    groups: int,
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    guard: Guard,
) -> bool:
    """Whether all that the upper bounds of `slots` are made of is right."""
    plane_of, plane_starts = planes[0], planes[1]
    places, known = guard[3], guard[4]
    if len(known) == 0:
        return True
    for slot in slots:
        if slot >= 0 and known[slot] & BOUNDS == 0:
            plane = plane_of[slot]
            if plane >= 0:
                if not intact(guard, places[LEVELS] + plane_starts[plane], groups):
                    return False
            elif not list_fits(slot, size, postings, guard):
                return False
            known[slot] |= BOUNDS
    return True


@compiled
def rows_fit(first: int, last: int, vectors: tuple[NDArray[Any], ...], guard: Guard) -> bool:
    """Whether the vectors of the rows from `first` to before `last` are intact, and their pointers inside."""
    indptr, indices, data = vectors
    places = guard[3]
    if len(guard[2]) == 0:
        return True
    if not intact(guard, places[INDPTR] + 8 * first, 8 * (last - first + 1)):
        return False
    before = indptr[first]
    if before < 0:
        return False
    for row in range(first + 1, last + 1):
        if indptr[row] < before:
            return False
        before = indptr[row]
    if before > len(indices):
        return False
    start, length = indptr[first], before - indptr[first]
    return intact(guard, places[INDICES] + 4 * start, 4 * length) and intact(
        guard, places[DATA] + data.itemsize * start, data.itemsize * length
    )


@compiled
def whole_block_fits(
    block: int,
    size: int,
    groups: int,
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    guard: Guard,
) -> bool:
    """Whether all that is stored of a block is right: terms ascending, pointers, postings and bounds."""
    blocks, terms = postings[0], postings[2]
    first, last = blocks[3 * block], blocks[3 * block + 3]
    places = guard[3]
    if not intact(guard, places[TERMS] + 4 * first, 4 * (last - first)):
        return False
    slots = np.arange(first, last)
    for slot in slots:
        if slot > first and terms[slot] <= terms[slot - 1]:
            return False
        if not entry_fits(slot, groups, postings, planes, guard):
            return False
    return lists_fit(slots, size, postings, guard) and bounds_fit(
        slots, size, groups, postings, planes, guard
    )
