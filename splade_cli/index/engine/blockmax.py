"""Block-max upper bounds of small groups of rows, and the scores of the rows whose groups may reach the
threshold.

For every frequent term of a block a "plane" keeps one byte a group of four rows: the largest weight, rounded
up to 255 levels. Adding up planes gives each group a bound, at a vectorised addition for a byte; terms that
are rare are added from their postings. Groups are then scored best bound first through the rows' own vectors
until no bound reaches the threshold, the k-th score so far (block-max pruning: Mallia, Suel & Tonellotto,
SIGIR 2024; planes and the small groups are ours).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.accumulators import CHUNK, LOW, select_largest
from splade_cli.index.engine.compiling import compiled
from splade_cli.index.engine.guards import Guard
from splade_cli.index.engine.verification import rows_fit

SHIFT = 2
GROUP = 1 << SHIFT
AHEAD = 64


def _upper_bounds(
    slots: NDArray[np.int64],
    query_weights: NDArray[np.float32],
    postings: tuple[NDArray[Any], ...],
    planes: tuple[NDArray[Any], ...],
    groups: int,
    bounds: NDArray[np.float32],
) -> None:
    """Fills bounds[:groups] with at least the score of each group's best row, and zeros to the end of the
    chunk."""
    starts, rows, weights = postings[3], postings[4], postings[5]
    plane_of, plane_starts, scales, levels = planes
    first = np.zeros(4, dtype=np.int64)
    factor = np.zeros(4, dtype=np.float32)
    waiting, written = 0, False
    for number in range(len(slots) + 1):
        plane = -1
        if number < len(slots) and slots[number] >= 0:
            plane = plane_of[slots[number]]
        if plane >= 0:
            first[waiting] = plane_starts[plane]
            factor[waiting] = query_weights[number] * scales[plane]
            waiting += 1
        if waiting == 4 or (number == len(slots) and (waiting or not written)):
            factor[waiting:] = 0
            first[waiting:] = first[0]
            if waiting == 0:
                bounds[:groups] = 0
            else:
                a, b = levels[first[0] : first[0] + groups], levels[first[1] : first[1] + groups]
                c, d = levels[first[2] : first[2] + groups], levels[first[3] : first[3] + groups]
                p, q, r, s = factor[0], factor[1], factor[2], factor[3]
                if written:
                    for group in range(groups):
                        bounds[group] += (
                            p * np.float32(a[group])
                            + q * np.float32(b[group])
                            + r * np.float32(c[group])
                            + s * np.float32(d[group])
                        )
                else:
                    for group in range(groups):
                        bounds[group] = (
                            p * np.float32(a[group])
                            + q * np.float32(b[group])
                            + r * np.float32(c[group])
                            + s * np.float32(d[group])
                        )
            waiting, written = 0, True
    for number in range(len(slots)):
        slot = slots[number]
        if slot >= 0 and plane_of[slot] < 0:
            weight = query_weights[number]
            members, values = rows[starts[slot] : starts[slot + 1]], weights[starts[slot] : starts[slot + 1]]
            for position in range(len(members)):
                bounds[members[position] >> SHIFT] += weight * np.float32(values[position])
    bounds[groups : (groups + CHUNK - 1) // CHUNK * CHUNK] = 0


upper_bounds = compiled(_upper_bounds, fast=True)


@compiled
def insert_query_terms(
    query_terms: NDArray[np.int32],
    query_weights: NDArray[np.float32],
    table_terms: NDArray[np.int32],
    values: NDArray[np.float32],
) -> tuple[np.uint32, np.uint32]:
    """Puts the query's terms into a hash table without collisions, small if possible; its multiplier and
    shift, or 0, 0."""
    for bits in (12, 14, 16):
        shift = np.uint32(32 - bits)
        for choice in (2654435769, 2246822519, 3266489917, 668265263):
            multiplier = np.uint32(choice)
            number = 0
            while number < len(query_terms):
                slot = np.uint32(np.uint32(query_terms[number]) * multiplier) >> shift
                if table_terms[slot] >= 0:
                    break
                table_terms[slot], values[slot] = query_terms[number], query_weights[number]
                number += 1
            if number == len(query_terms):
                return multiplier, shift
            clear_query_terms(query_terms[:number], table_terms, multiplier, shift)
    return np.uint32(0), np.uint32(0)


@compiled
def clear_query_terms(
    query_terms: NDArray[np.int32], table_terms: NDArray[np.int32], multiplier: np.uint32, shift: np.uint32
) -> None:
    """Empties the hash table of `insert_query_terms`."""
    for term in query_terms:
        table_terms[np.uint32(np.uint32(term) * multiplier) >> shift] = -1


@compiled
def row_score(
    terms: NDArray[np.int32],
    weights: NDArray[Any],
    table_terms: NDArray[np.int32],
    values: NDArray[np.float32],
    multiplier: np.uint32,
    shift: np.uint32,
) -> np.float32:
    """The dot product of a row's vector with the query in the hash table, in ascending order of terms."""
    total = np.float32(0)
    for position in range(len(terms)):
        slot = np.uint32(np.uint32(terms[position]) * multiplier) >> shift
        weight = np.float32(weights[position])
        total += (values[slot] if table_terms[slot] == terms[position] else np.float32(0)) * weight
    return total


@compiled
def score_rows(
    rows: NDArray[np.int64],
    k: int,
    vectors: tuple[NDArray[Any], ...],
    guard: Guard,
    table: tuple[NDArray[np.int32], NDArray[np.float32], np.uint32, np.uint32],
    keys: NDArray[np.int64],
    filled: int,
    threshold: int,
    cell: NDArray[np.float32],
) -> tuple[int, int]:
    """Scores `rows` through their vectors and keeps the keys of those above the threshold; gives filled and
    threshold anew, or -1 where a vector is damaged.

    Args:
        table: the query's hash table, see `insert_query_terms`.
        cell: one number, to read a score's bits.
    """
    indptr, indices, data = vectors
    table_terms, values, multiplier, shift = table
    bits = cell.view(np.int32)
    for first in range(0, len(rows), AHEAD):
        # asks for the rows before they are needed: main memory answers many requests in the time of one
        touched = np.int32(0)
        for row in rows[first : first + AHEAD]:
            if not rows_fit(row, row + 1, vectors, guard):
                return -1, threshold
            for position in range(indptr[row], indptr[row + 1], 16):
                touched ^= indices[position] ^ np.int32(data[position] > 0)
        bits[0] = touched
        for row in rows[first : first + AHEAD]:
            terms, weights = indices[indptr[row] : indptr[row + 1]], data[indptr[row] : indptr[row + 1]]
            total = row_score(terms, weights, table_terms, values, multiplier, shift)
            cell[0] = total
            key = (np.int64(bits[0]) << 32) | (LOW - row)
            if total > 0 and key > threshold:
                keys[filled] = key
                filled += 1
                if filled == len(keys):
                    select_largest(keys, filled, k)
                    filled, threshold = k, keys[k - 1]
    return filled, threshold


@compiled
def score_groups(
    groups: NDArray[np.int64],
    base: int,
    count: int,
    k: int,
    allowed: NDArray[np.uint8],
    vectors: tuple[NDArray[Any], ...],
    guard: Guard,
    table: tuple[NDArray[np.int32], NDArray[np.float32], np.uint32, np.uint32],
    bounds: NDArray[np.float32],
    keys: NDArray[np.int64],
    filled: int,
    threshold: int,
    cell: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> tuple[int, int]:
    """`score_rows` of the allowed rows of `groups`, whose bounds become zero: they are done. `rows` has room
    for AHEAD."""
    waiting = 0
    for number in range(len(groups)):
        group = groups[number] & LOW
        bounds[group] = 0
        first = base + (group << SHIFT)
        for row in range(first, min(first + GROUP, count)):
            if len(allowed) == 0 or allowed[row]:
                rows[waiting] = row
                waiting += 1
        if waiting > AHEAD - GROUP or number + 1 == len(groups):
            filled, threshold = score_rows(
                rows[:waiting], k, vectors, guard, table, keys, filled, threshold, cell
            )
            if filled < 0:
                return -1, threshold
            waiting = 0
    return filled, threshold
