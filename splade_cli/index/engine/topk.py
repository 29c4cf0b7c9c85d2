"""The k best rows of a query over all blocks: which blocks are added up, which are searched by bounds; knows no files.

Adding up all postings of a block is the way for large k, for flat weights and for small indexes; bounds are the way
where few rows are wanted of many. Both add the same numbers in the same order, so a row's score has the same bits
either way, and a block can begin by its bounds and go over to adding up when too many groups must be looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.accumulate import (
    BLOCK,
    LOW,
    add_up,
    class_maxima,
    collect,
    compiled,
    cut,
    keep_largest,
    locate,
)
from splade_cli.index.engine.blockmax import GROUP, SHIFT, bound_up, close, hang, offer_groups, take_down

CLASSES, MORE_CLASSES = 1024, 4096
TABLE = 1 << 16
# measured at 100,000 to 900,000 rows: with fewer rows to each result, adding up all postings is as fast or faster
ROWS_PER_RESULT = 15_000


def scratch() -> tuple[NDArray[Any], ...]:
    """What `search_positive` works in: sums, bounds, groups that wait, and the query's hash table."""
    return (
        np.zeros(BLOCK, dtype=np.float32),
        np.zeros(BLOCK >> SHIFT, dtype=np.float32),
        np.empty(BLOCK + 1, dtype=np.int64),
        np.full(TABLE, -1, dtype=np.int32),
        np.zeros(TABLE, dtype=np.float32),
    )


@compiled
def offer_sums(
    sums: NDArray[np.float32],
    base: int,
    size: int,
    k: int,
    allowed: NDArray[np.uint8],
    bounds: NDArray[np.float32],
    maxima: NDArray[np.int64],
    waiting: NDArray[np.int64],
    keys: NDArray[np.int64],
    found: int,
    floor: int,
) -> tuple[int, int]:
    """Keeps the rows of a block whose sums are above `floor`, but those of groups that are done (bound zero)."""
    bits = sums.view(np.int32)
    if len(allowed):
        for row in range(size):
            sums[row] = sums[row] if allowed[base + row] else np.float32(0)
    if found < k and 2 * k <= len(maxima) and size > len(maxima):
        # the k-th largest of the maxima of more than k classes is no more than the k-th score
        class_maxima(bits, size, maxima)
        keep_largest(maxima, len(maxima), k)
        floor = max(floor, (maxima[k - 1] << 32) - 1)
    count = collect(bits, size, max(1, floor >> 32), waiting)
    for entry in waiting[:count]:
        row = entry & LOW
        key = (entry | LOW) - (base + row)
        if key > floor and (len(bounds) == 0 or bounds[row >> SHIFT] > 0):
            keys[found] = key
            found += 1
            if found == len(keys):
                keep_largest(keys, found, k)
                found, floor = k, keys[k - 1]
    sums[:size] = 0
    return found, floor


@compiled
def search_positive(
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    vectors: tuple[NDArray[Any], ...],
    count: int,
    k: int,
    allowed: NDArray[np.uint8],
    places: tuple[NDArray[Any], ...],
    keys: NDArray[np.int64],
) -> int:
    """Keys of the k best rows at the front of `keys` (room for more than k), unordered; gives their number.

    All weights are above zero, so a row that shares a term has a score above zero. Without `vectors` (an empty
    indptr) all postings are added up. The scratch comes and goes with zeros in sums and -1 in owners.
    """
    blocks, directory, terms, starts, rows, weights = postings
    sums, bounds, waiting, owners, values = places
    bound_bits = bounds.view(np.int32)
    none = bounds[:0]
    cell, maxima = (
        np.empty(1, dtype=np.float32),
        np.empty(CLASSES if k <= CLASSES // 4 else MORE_CLASSES, dtype=np.int64),
    )
    cuts = np.empty(16, dtype=np.int64)
    cell_bits = cell.view(np.int32)
    slots = np.empty(len(query_terms), dtype=np.int64)
    multiplier, shift = np.uint32(0), np.uint32(0)
    if len(vectors[0]) and k * ROWS_PER_RESULT <= count:
        multiplier, shift = hang(query_terms, query_weights, owners, values)
    slack = np.float32(1 - (len(query_terms) + 4) * 2.0**-22)  # of the roundings of a bound and of a score
    per_group = GROUP * (len(rows) // max(1, count) + 40)  # the cost of a group's evaluation, in postings
    found, floor = 0, 0
    for block in range(len(blocks) // 3 - 1):
        base = block * BLOCK
        size = min(BLOCK, count - base)
        groups = (size + GROUP - 1) >> SHIFT
        locate(query_terms, block, blocks, directory, terms, slots)
        work = size // 8
        for slot in slots:
            if slot >= 0:
                work += starts[slot + 1] - starts[slot]
        budget = work // per_group
        wanted = max(16, k // GROUP)
        bounded = shift > 0 and wanted < budget
        direct = not bounded
        if bounded:
            bound_up(slots, query_weights, postings, planes, groups, bounds)
            if len(allowed):
                close(bounds, allowed[base : base + size])
            steps = 0
            if found < k:
                class_maxima(bound_bits, groups, maxima[:CLASSES])
                steps = cut(maxima[:CLASSES], wanted, cuts)
            left = 0
            stage = 0
            while not direct:
                low = 1
                if found >= k:
                    keep_largest(keys, found, k)
                    found, floor = k, keys[k - 1]
                    cell_bits[0] = floor >> 32
                    cell[0] *= slack
                    low = max(1, cell_bits[0])
                if stage < steps and cuts[stage] > low:
                    step = collect(bound_bits, groups, cuts[stage], waiting)
                    stage += 1
                elif stage <= steps:
                    left = collect(bound_bits, groups, low, waiting)
                    step, stage = min(left, 64), steps + 1
                else:
                    kept = 0
                    for place in range(step, left):
                        if waiting[place] >> 32 >= low:
                            waiting[kept] = waiting[place]
                            kept += 1
                    left, step = kept, min(kept, 2 * step)
                if stage > steps:
                    if left == 0:
                        break
                    if step < left:
                        keep_largest(waiting, left, step)
                direct = step > budget
                if not direct:
                    found, floor = offer_groups(
                        waiting[:step],
                        base,
                        count,
                        k,
                        allowed,
                        vectors,
                        owners,
                        values,
                        multiplier,
                        shift,
                        bounds,
                        keys,
                        found,
                        floor,
                        cell,
                    )
                    budget -= step
        if direct:
            add_up(slots, query_weights, starts, rows, weights, sums)
            done = bounds if bounded else none
            found, floor = offer_sums(sums, base, size, k, allowed, done, maxima, waiting, keys, found, floor)
    if shift > 0:
        take_down(query_terms, owners, multiplier, shift)
    keep_largest(keys, found, min(k, found))
    return min(k, found)


@compiled
def search_signed(
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    postings: tuple[NDArray[Any], ...],
    count: int,
    k: int,
    allowed: NDArray[np.uint8],
    sums: NDArray[np.float32],
    keys: NDArray[np.int64],
) -> int:
    """Keys of the k best rows at the front of `keys`, for weights of any sign: remembers which rows were met.

    A negative score's bits are turned so that they are ordered too. `sums` comes and goes zeroed.
    """
    blocks, directory, terms, starts, rows, weights = postings
    bits = sums.view(np.int32)
    slots = np.empty(len(query_terms), dtype=np.int64)
    met = np.zeros(BLOCK, dtype=np.bool_)
    found = 0
    for block in range(len(blocks) // 3 - 1):
        locate(query_terms, block, blocks, directory, terms, slots)
        add_up(slots, query_weights, starts, rows, weights, sums)
        for slot in slots:
            if slot >= 0:
                for row in rows[starts[slot] : starts[slot + 1]]:
                    met[row] = True
        base = block * BLOCK
        for place in range(min(BLOCK, count - base)):
            if met[place] and (len(allowed) == 0 or allowed[base + place]):
                value = np.int64(0) if sums[place] == 0 else np.int64(bits[place])
                if value < 0:
                    value = np.int64(-1) - (value & 0x7FFFFFFF)
                keys[found] = (value << 32) | (LOW - (base + place))
                found += 1
                if found == len(keys):
                    keep_largest(keys, found, k)
                    found = k
        met[:] = False
        sums[:] = 0
    keep_largest(keys, found, min(k, found))
    return min(k, found)
