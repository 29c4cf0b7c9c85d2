"""Top-k search of one query whose weights have any sign: all postings of every block are added up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.accumulators import BLOCK, LOW, accumulate, find_terms, select_largest
from splade_cli.index.engine.blockmax import GROUP, SHIFT
from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.guards import Guard
from splade_cli.index.engine.verification import lists_fit


@compiled
def search_signed(
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    guard: Guard,
    count: int,
    blocks: tuple[int, int],
    k: int,
    allowed: NDArray[np.uint8],
    accumulators: NDArray[np.float32],
    keys: NDArray[np.int64],
    filled: int,
) -> int:
    """As `topk.search_positive`, for weights of any sign: remembers which rows were met.

    A negative score's bits are turned so that they are ordered too. `accumulators` comes and goes zeroed, but
    for what is damaged: then -1 is given.
    """
    _, _, _, starts, rows, weights = postings
    bits = accumulators.view(np.int32)
    slots = np.empty(len(query_terms), dtype=np.int64)
    met = np.zeros(BLOCK, dtype=np.bool_)
    for block in range(blocks[0], blocks[1]):
        size = min(BLOCK, count - block * BLOCK)
        groups = (size + GROUP - 1) >> SHIFT
        if not find_terms(query_terms, block, groups, postings, planes, guard, slots):
            return -1
        if not lists_fit(slots, size, postings, guard):
            return -1
        accumulate(slots, query_weights, starts, rows, weights, accumulators)
        for slot in slots:
            if slot >= 0:
                for row in rows[starts[slot] : starts[slot + 1]]:
                    met[row] = True
        base = block * BLOCK
        for position in range(size):
            if met[position] and (len(allowed) == 0 or allowed[base + position]):
                value = np.int64(0) if accumulators[position] == 0 else np.int64(bits[position])
                if value < 0:
                    value = np.int64(-1) - (value & 0x7FFFFFFF)
                keys[filled] = (value << 32) | (LOW - (base + position))
                filled += 1
                if filled == len(keys):
                    select_largest(keys, filled, k)
                    filled = k
        met[:] = False
        accumulators[:] = 0
    select_largest(keys, filled, min(k, filled))
    return min(k, filled)
