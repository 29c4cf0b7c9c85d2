"""Top-k search of one query over all blocks: by accumulators, or by block-max bounds where that is cheaper.

Adding up all postings of a block is the way for large k, for flat weights and for small indexes; bounds are
the way where few rows are wanted of many. Both add the same numbers in the same order, so a row's score has
the same bits either way, and a block can begin by its bounds and go over to adding up when too many groups
must be looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.accumulators import (
    BLOCK,
    LOW,
    accumulate,
    class_maxima,
    collect,
    descending_thresholds,
    find_terms,
    select_largest,
)
from splade_cli.index.engine.blockmax import (
    AHEAD,
    GROUP,
    SHIFT,
    clear_query_terms,
    insert_query_terms,
    score_groups,
    score_rows,
    upper_bounds,
)
from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.guards import Guard
from splade_cli.index.engine.masks import exclude_groups, find_allowed
from splade_cli.index.engine.verification import bounds_fit, lists_fit

CLASSES, MORE_CLASSES = 1024, 4096
TABLE = 1 << 16
# measured at 100,000 to 900,000 rows: with fewer rows to each result, adding up all postings is as fast or
# faster
ROWS_PER_RESULT = 15_000
# where fewer than one of so many rows is allowed, or no more than FEW, they are scored one by one
ROWS_PER_ALLOWED = 1024
FEW = 64


def scratch() -> tuple[NDArray[Any], ...]:
    """What `search_positive` works in: accumulators, bounds, candidates, and the query's hash table."""
    return (
        np.zeros(BLOCK, dtype=np.float32),
        np.zeros(BLOCK >> SHIFT, dtype=np.float32),
        np.empty(BLOCK + 1, dtype=np.int64),
        np.full(TABLE, -1, dtype=np.int32),
        np.zeros(TABLE, dtype=np.float32),
    )


@compiled
def select_rows(
    accumulators: NDArray[np.float32],
    base: int,
    size: int,
    k: int,
    allowed: NDArray[np.uint8],
    bounds: NDArray[np.float32],
    maxima: NDArray[np.int32],
    candidates: NDArray[np.int64],
    keys: NDArray[np.int64],
    filled: int,
    threshold: int,
) -> tuple[int, int]:
    """Keeps the rows of a block whose accumulators are above the threshold, but those of groups that are done
    (bound zero)."""
    bits = accumulators.view(np.int32)
    if len(allowed):
        for row in range(size):
            accumulators[row] = accumulators[row] if allowed[base + row] else np.float32(0)
    if filled < k and 2 * k <= len(maxima) and size > len(maxima):
        # the k-th largest of the maxima of more than k classes is no more than the k-th score
        class_maxima(bits, size, maxima)
        select_largest(maxima, len(maxima), k)
        threshold = max(threshold, int((np.int64(maxima[k - 1]) << 32) - 1))
    count = collect(bits, size, max(1, threshold >> 32), candidates)
    for entry in candidates[:count]:
        row = entry & LOW
        key = (entry | LOW) - (base + row)
        if key > threshold and (len(bounds) == 0 or bounds[row >> SHIFT] > 0):
            keys[filled] = key
            filled += 1
            if filled == len(keys):
                select_largest(keys, filled, k)
                filled, threshold = k, keys[k - 1]
    accumulators[:size] = 0
    return filled, threshold


@compiled
def search_positive(
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    vectors: tuple[NDArray[Any], ...],
    guard: Guard,
    count: int,
    blocks: tuple[int, int],
    k: int,
    allowed: NDArray[np.uint8],
    scratch: tuple[NDArray[Any], ...],
    keys: NDArray[np.int64],
    filled: int,
    floor: NDArray[np.int64],
) -> int:
    """Keys of the k best rows of some blocks at the front of `keys` (room for more than k), unordered; gives
    their number, or -1 where something that was read is damaged; then the scratch is of no more use.

    Args:
        blocks: the first of them, and the one after the last.
        filled: how many keys an earlier call for other blocks has left there, which take part.
        floor: one number, the largest k-th key that any thread has found for this query, 0 before; all of
            them read and write it. What is no larger is left out, so there may be fewer than k.

    All weights are above zero, so a row that shares a term has a score above zero. Without `vectors` (an
    empty indptr) all postings are added up. The scratch comes and goes with zeros in the accumulators and -1
    in the table's terms.
    """
    _, _, _, starts, rows, weights = postings
    accumulators, bounds, candidates, table_terms, values = scratch
    first_row, last_row = blocks[0] * BLOCK, min(count, blocks[1] * BLOCK)
    bound_bits = bounds.view(np.int32)
    none = bounds[:0]
    cell = np.empty(1, dtype=np.float32)
    maxima = np.empty(CLASSES if k <= CLASSES // 4 else MORE_CLASSES, dtype=np.int32)
    thresholds = np.empty(16, dtype=np.int64)
    cell_bits = cell.view(np.int32)
    slots = np.empty(len(query_terms), dtype=np.int64)
    multiplier, shift = np.uint32(0), np.uint32(0)
    few = -1
    if len(vectors[0]) and len(allowed):
        most = min(BLOCK - 8, max(FEW, (last_row - first_row) // ROWS_PER_ALLOWED))
        few = find_allowed(allowed, first_row, last_row, most, candidates)
    if len(vectors[0]) and (few >= 0 or k * ROWS_PER_RESULT <= count):
        multiplier, shift = insert_query_terms(query_terms, query_weights, table_terms, values)
    table = (table_terms, values, multiplier, shift)
    threshold = 0
    if few >= 0 and shift > 0:
        filled, threshold = score_rows(
            candidates[:few], k, vectors, guard, table, keys, filled, threshold, cell
        )
        if filled < 0:
            return -1
        clear_query_terms(query_terms, table_terms, multiplier, shift)
        select_largest(keys, filled, min(k, filled))
        return min(k, filled)
    slack = np.float32(1 - (len(query_terms) + 4) * 2.0**-22)  # of the roundings of a bound and of a score
    per_group = GROUP * (len(rows) // max(1, count) + 40)  # the cost of a group's evaluation, in postings
    ahead = np.empty(AHEAD, dtype=np.int64)
    for block in range(blocks[0], blocks[1]):
        base = block * BLOCK
        size = min(BLOCK, count - base)
        groups = (size + GROUP - 1) >> SHIFT
        if filled >= k:
            select_largest(keys, filled, k)
            filled, threshold = k, max(threshold, keys[k - 1])
            floor[0] = max(floor[0], threshold)
        threshold = max(threshold, floor[0])
        if not find_terms(query_terms, block, groups, postings, planes, guard, slots):
            return -1
        work = size // 8
        for slot in slots:
            if slot >= 0:
                work += starts[slot + 1] - starts[slot]
        budget = work // per_group
        wanted = max(16, k // GROUP)
        bounded = shift > 0 and wanted < budget
        direct = not bounded
        if bounded:
            if not bounds_fit(slots, size, groups, postings, planes, guard):
                return -1
            upper_bounds(slots, query_weights, postings, planes, groups, bounds)
            if len(allowed):
                exclude_groups(bounds, allowed[base : base + size])
            steps = 0
            if threshold == 0:
                class_maxima(bound_bits, groups, maxima[:CLASSES])
                steps = descending_thresholds(maxima[:CLASSES], wanted, thresholds)
            left = 0
            stage = 0
            while not direct:
                low = 1
                if filled >= k:
                    select_largest(keys, filled, k)
                    filled, threshold = k, max(threshold, keys[k - 1])
                if threshold > 0:
                    cell_bits[0] = threshold >> 32
                    cell[0] *= slack
                    low = max(1, cell_bits[0])
                if stage < steps and thresholds[stage] > low:
                    step = collect(bound_bits, groups, thresholds[stage], candidates)
                    stage += 1
                elif stage <= steps:
                    left = collect(bound_bits, groups, low, candidates)
                    step, stage = min(left, 64), steps + 1
                else:
                    remaining = 0
                    for position in range(step, left):
                        if candidates[position] >> 32 >= low:
                            candidates[remaining] = candidates[position]
                            remaining += 1
                    left = remaining
                    step = min(remaining, 2 * step)
                if stage > steps:
                    if left == 0:
                        break
                    if step < left:
                        select_largest(candidates, left, step)
                direct = step > budget
                if not direct:
                    filled, threshold = score_groups(
                        candidates[:step],
                        base,
                        count,
                        k,
                        allowed,
                        vectors,
                        guard,
                        table,
                        bounds,
                        keys,
                        filled,
                        threshold,
                        cell,
                        ahead,
                    )
                    if filled < 0:
                        return -1
                    budget -= step
        if direct:
            if not lists_fit(slots, size, postings, guard):
                return -1
            accumulate(slots, query_weights, starts, rows, weights, accumulators)
            done = bounds if bounded else none
            filled, threshold = select_rows(
                accumulators, base, size, k, allowed, done, maxima, candidates, keys, filled, threshold
            )
    if shift > 0:
        clear_query_terms(query_terms, table_terms, multiplier, shift)
    select_largest(keys, filled, min(k, filled))
    return min(k, filled)
