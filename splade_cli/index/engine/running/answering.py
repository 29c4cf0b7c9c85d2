"""The compiled door of a search: queries are checked and answered, over arrays that are known by their
addresses.

Numba looks at each array that it is handed, and its loops count references to each that they use: for all
arrays of an index, and of what a search works in, that took longer than a query of a small index. So they are
bound once, as `arrays.addresses`, and have no owner here; whoever calls keeps them.
"""

from __future__ import annotations

from ctypes import c_void_p
from typing import Any

import numpy as np
from numba import carray, config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from splade_cli.index.engine.accumulators import BLOCK, LOW, summarise
from splade_cli.index.engine.arrays import MISSING, SORTED, UNCLEAN, positive_products
from splade_cli.index.engine.blockmax import GROUP, SHIFT
from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.guards import Guard
from splade_cli.index.engine.signed import search_signed
from splade_cli.index.engine.topk import search_positive
from splade_cli.index.engine.verification import whole_block_fits

Arrays = tuple[NDArray[Any], ...]
LISTS = 38
"""Numbers that say where the 19 arrays of the lists lie."""
_are_positive = compiled(positive_products)


@intrinsic  # type: ignore[untyped-decorator]
def _compiled_pointer(context: Any, address: Any) -> Any:
    """The pointer to an address."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), code


def _python_pointer(address: int) -> c_void_p:
    return c_void_p(int(address))


_pointer = _python_pointer if config.DISABLE_JIT else _compiled_pointer


@compiled
def _lists(at: NDArray[np.int64], kind: NDArray[Any]) -> tuple[Arrays, Arrays, Arrays, Guard]:
    """Postings, planes, vectors and guard by their addresses; `kind` is an array of the type of weights."""
    postings = (
        carray(_pointer(at[0]), at[1], np.int64),
        carray(_pointer(at[2]), at[3], np.int32),
        carray(_pointer(at[4]), at[5], np.int32),
        carray(_pointer(at[6]), at[7], np.int64),
        carray(_pointer(at[8]), at[9], np.uint16),
        carray(_pointer(at[10]), at[11], kind.dtype),
    )
    planes = (
        carray(_pointer(at[12]), at[13], np.int32),
        carray(_pointer(at[14]), at[15], np.int64),
        carray(_pointer(at[16]), at[17], np.float32),
        carray(_pointer(at[18]), at[19], np.uint8),
    )
    vectors = (
        carray(_pointer(at[20]), at[21], np.int64),
        carray(_pointer(at[22]), at[23], np.int32),
        carray(_pointer(at[24]), at[25], kind.dtype),
    )
    guard = (
        carray(_pointer(at[26]), at[27], np.uint8),
        carray(_pointer(at[28]), at[29], np.uint32),
        carray(_pointer(at[30]), at[31], np.uint8),
        carray(_pointer(at[32]), at[33], np.int64),
        carray(_pointer(at[34]), at[35], np.uint8),
        carray(_pointer(at[36]), at[37], np.float64),
    )
    return postings, planes, vectors, guard


@compiled
def _scratch(bound: NDArray[np.int64]) -> Arrays:
    """`topk.scratch` by its addresses, which come after those of the lists."""
    at = bound[LISTS:]
    return (
        carray(_pointer(at[0]), at[1], np.float32),
        carray(_pointer(at[2]), at[3], np.float32),
        carray(_pointer(at[4]), at[5], np.int64),
        carray(_pointer(at[6]), at[7], np.int32),
        carray(_pointer(at[8]), at[9], np.float32),
    )


@compiled
def best_keys(
    bound: NDArray[np.int64],
    kind: NDArray[Any],
    starts: NDArray[np.int32],
    terms: NDArray[np.int32],
    weights: NDArray[np.float32],
    step: float,
    number: int,
    first_block: int,
    last_block: int,
    k: int,
    allowed: NDArray[np.uint8],
    keys: NDArray[np.int64],
    filled: int,
    floor: NDArray[np.int64],
) -> int:
    """`topk.search_positive`, or `signed.search_signed`, for the query of a number among CSR arrays, whose
    weights are multiplied by `step`.

    Args:
        bound: where the arrays of the lists lie, and those of the scratch; `kind` is of the type of weights.

    Returns:
        How many keys there are, or -1 as they say, or UNCLEAN where terms do not ascend or are none of the
        index's, a weight is zero, or one is not finite.
    """
    postings, planes, vectors, guard = _lists(bound, kind)
    first, last = starts[number], starts[number + 1]
    query_terms, query_weights = terms[first:last], np.empty(last - first, dtype=np.float32)
    for position in range(last - first):
        query_weights[position] = weights[first + position] * np.float32(step)
    whole = np.array([0, last - first])
    ordered, finite, least, nearest, most = summarise(whole, query_terms, query_weights)
    about = guard[5]
    if not ordered or not finite or (last > first and query_terms[last - first - 1] >= about[1]):
        return UNCLEAN
    count = int(about[0])
    blocks = (first_block, last_block)
    if _are_positive(least, nearest, most, about):
        return search_positive(
            query_terms,
            query_weights,
            postings,
            planes,
            vectors,
            guard,
            count,
            blocks,
            k,
            allowed,
            _scratch(bound),
            keys,
            filled,
            floor,
        )
    accumulators = _scratch(bound)[0]
    return search_signed(
        query_terms,
        query_weights,
        postings,
        planes,
        guard,
        count,
        blocks,
        k,
        allowed,
        accumulators,
        keys,
        filled,
    )


@compiled
def _sort_few(values: NDArray[np.int64]) -> None:
    """Insertion sort."""
    for end in range(1, len(values)):
        value = values[end]
        position = end
        while position > 0 and values[position - 1] > value:
            values[position] = values[position - 1]
            position -= 1
        values[position] = value


@compiled
def unpack(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
    """Turned keys [q, k] become row numbers, and `scores` what they score; missing ones -1 and -inf."""
    bits = scores.view(np.int32)
    for number in range(rows.shape[0]):
        for position in range(rows.shape[1]):
            turned = rows[number, position]
            value = ~turned >> 32
            rows[number, position] = LOW - (~turned & LOW)
            bits[number, position] = value if value >= 0 else (-1 - value) - 0x80000000
            if turned == MISSING:
                rows[number, position] = -1
                scores[number, position] = -np.inf


@compiled
def answer(
    bound: NDArray[np.int64],
    kind: NDArray[Any],
    starts: NDArray[np.int32],
    terms: NDArray[np.int32],
    weights: NDArray[np.float32],
    step: float,
    first: int,
    last: int,
    blocks: int,
    k: int,
    allowed: NDArray[np.uint8],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> int:
    """Writes the k best rows of each query from `first` to before `last` to rows and scores [q, at least k]:
    best first as `unpack` gives them, but where there are more than SORTED places only the turned keys
    (``~key``, so that the best is the smallest), in any order, then MISSING.

    Returns:
        0, or what `best_keys` gives where it finds no keys.
    """
    keys = np.empty(2 * k + 16, dtype=np.int64)
    floor = np.empty(1, dtype=np.int64)
    for number in range(first, last):
        floor[0] = 0
        filled = best_keys(
            bound, kind, starts, terms, weights, step, number, 0, blocks, k, allowed, keys, 0, floor
        )
        if filled < 0:
            return filled
        for position in range(filled):
            rows[number, position] = ~keys[position]
        rows[number, filled:] = MISSING
        if rows.shape[1] <= SORTED:
            _sort_few(rows[number, :filled])
    if rows.shape[1] <= SORTED:
        unpack(rows[first:last], scores[first:last])
    return 0


@compiled
def block_fits(lists: NDArray[np.int64], kind: NDArray[Any], block: int) -> bool:
    """Whether all that is stored of a block is right, see `verification.whole_block_fits`."""
    postings, planes, _, guard = _lists(lists, kind)
    size = min(BLOCK, int(guard[5][0]) - block * BLOCK)
    return whole_block_fits(block, size, (size + GROUP - 1) >> SHIFT, postings, planes, guard)
