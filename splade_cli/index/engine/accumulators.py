"""Accumulators of a block of rows, and the selection of the k largest: compiled loops over postings.

A block is up to 65,536 rows, so a row is a 16-bit number inside it and its accumulators (256 KiB) stay in the
L2 cache.
For scores above zero the bits of a float32, read as an integer, are ordered as the numbers are: a candidate
is one int64 "key", the score's bits above and the row, counted downwards, below. The larger key is the better
row.

Loops count what passes instead of taking the largest, because LLVM vectorises only the former; and numbers of
32 bits are kept at 32, or the loops over accumulators take up to three times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.guards import DIRECTORY, TERMS, Guard
from splade_cli.index.engine.verification import entry_fits, intact, marked

BLOCK = 1 << 16
CHUNK, PIECE = 64, 16
FEW_TERMS = 4
LOW = (1 << 32) - 1


@compiled
def summarise(
    indptr: NDArray[Any], indices: NDArray[Any], data: NDArray[np.float32]
) -> tuple[bool, bool, float, float, float]:
    """Looks at a CSR matrix once.

    Returns:
        Whether the terms of every row ascend and none is zero; whether all weights are finite; the smallest
        weight; the smallest and the largest absolute weight (inf, inf, 0 where there is none).
    """
    ordered, finite = True, True
    least, nearest, most = np.float32(np.inf), np.float32(np.inf), np.float32(0)
    for row in range(len(indptr) - 1):
        before = -1
        for position in range(indptr[row], indptr[row + 1]):
            weight = data[position]
            ordered &= (indices[position] > before) & (weight != 0)
            finite &= np.isfinite(weight)
            before = indices[position]
            least = min(least, weight)
            nearest = min(nearest, abs(weight))
            most = max(most, abs(weight))
    return ordered, finite, float(least), float(nearest), float(most)


@compiled
def find_terms(
    query_terms: NDArray[np.int32],
    block: int,
    groups: int,
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    guard: Guard,
    slots: NDArray[np.int64],
) -> bool:
    """slots[i] becomes the position of the i-th query term among a block's ascending terms, -1 where it does
    not come. False where what was read is damaged, or does not fit together.

    blocks[3 b : 3 b + 3] holds where the block's terms begin, where its directory begins, and a shift:
    directory[t >> shift] counts the block's terms below that bucket, so what is left to search is a few
    terms.
    """
    blocks, directory, terms = postings[0], postings[1], postings[2]
    states, places, known = guard[2], guard[3], guard[4]
    first, shelf, shift = blocks[3 * block], blocks[3 * block + 1], blocks[3 * block + 2]
    behind = blocks[3 * block + 3]
    for number in range(len(query_terms)):
        wanted = query_terms[number]
        bucket = shelf + (wanted >> shift)
        place = places[DIRECTORY] + 4 * bucket
        if not marked(states, place, 8) and not intact(guard, place, 8):
            return False
        low, high = first + max(0, directory[bucket]), min(first + directory[bucket + 1], behind)
        place, length = places[TERMS] + 4 * low, 4 * (high - low)
        if not marked(states, place, length) and not intact(guard, place, length):
            return False
        end = high
        while high - low > FEW_TERMS:
            middle = (low + high) >> 1
            if terms[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        for position in range(low, high):  # which ones pass cannot be foretold
            low += terms[position] < wanted
        slots[number] = low if low < end and terms[low] == wanted else -1
        unknown = len(known) > 0 and slots[number] >= 0 and known[low] == 0
        if unknown and not entry_fits(low, groups, postings, planes, guard):
            return False
    return True


@compiled
def accumulate(
    slots: NDArray[np.int64],
    query_weights: NDArray[np.float32],
    starts: NDArray[np.int64],
    rows: NDArray[np.uint16],
    weights: NDArray[Any],
    accumulators: NDArray[np.float32],
) -> None:
    """Adds one block's postings, float32 or counts, to the accumulators of its rows, in the order of the
    query's terms."""
    for number in range(len(slots)):
        slot = slots[number]
        if slot >= 0:
            weight = query_weights[number]
            members, values = rows[starts[slot] : starts[slot + 1]], weights[starts[slot] : starts[slot + 1]]
            for position in range(len(members)):
                accumulators[members[position]] += weight * np.float32(values[position])


@compiled
def select_largest(keys: NDArray[Any], count: int, k: int) -> None:
    """Moves the k largest of keys[:count] to its front, the smallest of them to k - 1; Hoare's
    quickselect."""
    low, high = 0, count - 1
    while low < high:
        pivot = keys[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            return


@compiled
def collect(bits: NDArray[np.int32], size: int, threshold: int, candidates: NDArray[np.int64]) -> int:
    """Writes (bits, position) of all of bits[:size] that reach `threshold`, above zero, to `candidates`;
    gives their number."""
    count = 0
    least = np.int32(threshold)
    for chunk in range(0, size, CHUNK):
        whole = bits[chunk : chunk + CHUNK]
        over = np.int32(0)
        for position in range(CHUNK):
            over = np.int32(over + np.int32(whole[position] >= least))
        if over == 0:
            continue
        for start in range(0, CHUNK, PIECE):
            piece = whole[start : start + PIECE]
            over = np.int32(0)
            for position in range(PIECE):
                over = np.int32(over + np.int32(piece[position] >= least))
            if over:
                # writes first and counts after: which ones pass cannot be foretold
                for position in range(PIECE):
                    candidates[count] = (np.int64(piece[position]) << 32) | (chunk + start + position)
                    count += piece[position] >= least
    return count


@compiled
def class_maxima(bits: NDArray[np.int32], size: int, maxima: NDArray[np.int32]) -> None:
    """maxima[c] becomes the largest of bits[c], bits[c + classes] ..., at least 1."""
    maxima[:] = 1
    for start in range(0, size, len(maxima)):
        piece = bits[start : min(start + len(maxima), size)]
        for position in range(len(piece)):
            maxima[position] = piece[position] if piece[position] > maxima[position] else maxima[position]


@compiled
def descending_thresholds(maxima: NDArray[np.int32], wanted: int, thresholds: NDArray[np.int64]) -> int:
    """thresholds[i] becomes the (2^i wanted)-th largest of the maxima, which as many positions reach; gives
    their number."""
    steps, size = 0, wanted
    while 4 * size <= len(maxima):
        size, steps = 2 * size, steps + 1
    before = len(maxima)
    for step in range(steps, -1, -1):
        select_largest(maxima, before, size)
        thresholds[step] = maxima[size - 1]
        before, size = size, size // 2
    return steps + 1
