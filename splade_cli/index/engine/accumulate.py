"""Compiled loops over blocks of postings: arrays in, arrays out; knows no files and no SciPy.

A block is up to 65,536 rows, so a row is a 16-bit number inside it and its sums (256 KiB) stay in the L2 cache. For
scores above zero the bits of a float32, read as an integer, are ordered as the numbers are: a candidate is one int64
"key", the score's bits above and the row, counted downwards, below. The larger key is the better row.

Machine code is kept on disk beside this file or in the user's cache folder; where neither can be written it is
compiled once a process. Numba compiles again only what stands in a changed file: after a change to a constant that
other files import, remove __pycache__/*.nbi. Loops count what passes instead of taking the largest, because LLVM
vectorises only the former.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
BLOCK = 1 << 16
CHUNK, PIECE = 64, 16
LOW = (1 << 32) - 1
EMPTY = -(1 << 63)


def compiled(function: Kernel, fast: bool = False) -> Kernel:
    """Machine code of `function` that lets other threads run, kept on disk where that is possible.

    Args:
        fast: let a product and a sum be rounded as one; only where a result needs no reproducible bits.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"} if fast else False}
    try:
        return cast(Kernel, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # numba finds no folder that it may write its cache to
        return cast(Kernel, numba.njit(**options)(function))


@compiled
def survey(
    indptr: NDArray[Any], indices: NDArray[Any], data: NDArray[np.float32]
) -> tuple[bool, bool, float, float, float]:
    """Looks at a CSR matrix once.

    Returns:
        Whether the terms of every row ascend and none is zero; whether all weights are finite; the smallest weight;
        the smallest and the largest absolute weight (inf, inf, 0 where there is none).
    """
    ordered, finite = True, True
    least, nearest, most = np.float32(np.inf), np.float32(np.inf), np.float32(0)
    for row in range(len(indptr) - 1):
        before = -1
        for place in range(indptr[row], indptr[row + 1]):
            weight = data[place]
            ordered &= (indices[place] > before) & (weight != 0)
            finite &= np.isfinite(weight)
            before = indices[place]
            least = min(least, weight)
            nearest = min(nearest, abs(weight))
            most = max(most, abs(weight))
    return ordered, finite, float(least), float(nearest), float(most)


@compiled
def locate(
    query_terms: NDArray[np.int32],
    block: int,
    blocks: NDArray[np.int64],
    directory: NDArray[np.int32],
    terms: NDArray[np.int32],
    slots: NDArray[np.int64],
) -> None:
    """slots[i] becomes the place of the i-th query term among a block's ascending terms, -1 where it does not come.

    blocks[3 b : 3 b + 3] holds where the block's terms begin, where its directory begins, and a shift:
    directory[t >> shift] counts the block's terms below that bucket, so what is left to search is a few terms.
    """
    first, shelf, shift = blocks[3 * block], blocks[3 * block + 1], blocks[3 * block + 2]
    for number in range(len(query_terms)):
        wanted = query_terms[number]
        bucket = shelf + (wanted >> shift)
        low, high = first + directory[bucket], first + directory[bucket + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if terms[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        slots[number] = low if low < end and terms[low] == wanted else -1


@compiled
def add_up(
    slots: NDArray[np.int64],
    query_weights: NDArray[np.float32],
    starts: NDArray[np.int64],
    rows: NDArray[np.uint16],
    weights: NDArray[Any],
    sums: NDArray[np.float32],
) -> None:
    """Adds one block's postings, float32 or counts, to the sums of its rows, in the order of the query's terms."""
    for number in range(len(slots)):
        slot = slots[number]
        if slot >= 0:
            weight = query_weights[number]
            members, values = rows[starts[slot] : starts[slot + 1]], weights[starts[slot] : starts[slot + 1]]
            for place in range(len(members)):
                sums[members[place]] += weight * np.float32(values[place])


@compiled
def keep_largest(keys: NDArray[np.int64], count: int, k: int) -> None:
    """Moves the k largest of keys[:count] to its front, the smallest of them to k - 1; Hoare's quickselect."""
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
def collect(bits: NDArray[np.int32], size: int, low: int, found: NDArray[np.int64]) -> int:
    """Writes (bits, place) of all of bits[:size] that reach `low`, above zero, to `found`; gives their number."""
    count = 0
    for chunk in range(0, size, CHUNK):
        whole = bits[chunk : chunk + CHUNK]
        over = 0
        for place in range(CHUNK):
            over += whole[place] >= low
        if over == 0:
            continue
        for start in range(0, CHUNK, PIECE):
            piece = whole[start : start + PIECE]
            over = 0
            for place in range(PIECE):
                over += piece[place] >= low
            if over:
                for place in range(
                    PIECE
                ):  # writes first and counts after: which ones pass cannot be foretold
                    found[count] = (np.int64(piece[place]) << 32) | (chunk + start + place)
                    count += piece[place] >= low
    return count


@compiled
def class_maxima(bits: NDArray[np.int32], size: int, maxima: NDArray[np.int64]) -> None:
    """maxima[c] becomes the largest of bits[c], bits[c + classes] ..., at least 1."""
    maxima[:] = 1
    for start in range(0, size, len(maxima)):
        piece = bits[start : min(start + len(maxima), size)]
        for place in range(len(piece)):
            maxima[place] = piece[place] if piece[place] > maxima[place] else maxima[place]


@compiled
def cut(maxima: NDArray[np.int64], wanted: int, cuts: NDArray[np.int64]) -> int:
    """cuts[i] becomes the (2^i wanted)-th largest of the maxima, which as many places reach; gives their number."""
    steps, size = 0, wanted
    while 4 * size <= len(maxima):
        size, steps = 2 * size, steps + 1
    before = len(maxima)
    for step in range(steps, -1, -1):
        keep_largest(maxima, before, size)
        cuts[step] = maxima[size - 1]
        before, size = size, size // 2
    return steps + 1


@compiled
def unpack(keys: NDArray[np.int64], numbers: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
    """Row numbers and scores of ascending `keys`, best first; empty places become -1 and -inf."""
    bits = scores.view(np.int32)
    width = keys.shape[1]
    for query in range(len(keys)):
        for place in range(width):
            key = keys[query, width - 1 - place]
            if key == EMPTY:
                numbers[query, place], scores[query, place] = -1, -np.inf
            else:
                value = key >> 32
                numbers[query, place] = LOW - (key & LOW)
                bits[query, place] = value if value >= 0 else (-1 - value) - 0x80000000
