"""Running of the compiled loops for queries: many of them side by side, or the blocks of one.

A row's score has the same bits wherever it is found, and no two rows have the same key, so the k largest keys
of all blocks are the k largest of those that each thread found: threads change nothing but the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.guards import Guard
from splade_cli.index.engine.running.threads import machine_threads, share_out
from splade_cli.index.engine.uncompiled.cleaning import Cleaned

RankedRows = tuple[NDArray[np.int64], NDArray[np.float32]]
Scratch = tuple[NDArray[Any], ...]
ROWS_ALONE = 1_000_000
"""Up to so many rows a query runs on one thread: calling others takes about as long as they save."""
BLOCKS_A_PIECE, PIECES_A_THREAD = 4, 4
"""Blocks that a thread takes at once, at least: 0.1 ms of work; and how often it comes back for more, so that
one that is held up leaves its share to the others."""


class Damaged(Exception):
    """What the loops read is damaged, or does not fit together."""


@dataclass(frozen=True, eq=False)
class Lists:
    """What the loops search, see `postings.Postings`: arrays as the loops take them, and the sizes.

    Attributes:
        scratch: what threads of earlier searches worked in; a search takes one and puts it back.
    """

    postings: tuple[NDArray[Any], ...]
    planes: tuple[NDArray[Any], ...]
    vectors: tuple[NDArray[Any], ...]
    guard: Guard
    rows: int
    blocks: int
    scratch: deque[Scratch]


class Asked(NamedTuple):
    """Queries, and what is wanted of each.

    Attributes:
        positive: every product with a weight is above zero.
        mask: uint8 [rows], what may be a result; empty for all.
        k: results wanted.
    """

    queries: Cleaned
    positive: bool
    mask: NDArray[np.uint8]
    k: int


def best_rows(lists: Lists, asked: Asked, threads: int | None = None) -> RankedRows:
    """Row numbers int64 [q, k] and scores float32 [q, k], see `postings.Postings.search`.

    Raises:
        Damaged: where what was read is.
    """
    count = len(asked.queries.indptr) - 1
    ranked = (np.empty((count, asked.k), dtype=np.int64), np.empty((count, asked.k), dtype=np.float32))
    workers = 1
    shares = 1
    if count > 1 or lists.rows > ROWS_ALONE:
        workers = threads or machine_threads()
    if lists.rows > ROWS_ALONE:
        shares = min(workers, -(-lists.blocks // BLOCKS_A_PIECE))
    if shares > min(count, workers):
        for number in range(count):
            _answer_together(lists, asked, number, shares, ranked)
    elif count == 1:
        _answer(lists, asked, (0,), ranked)
    else:
        share_out(range(count), min(count, workers), lambda some: _answer(lists, asked, some, ranked))
    return ranked


def _answer(lists: Lists, asked: Asked, some: Iterable[int], ranked: RankedRows) -> None:
    """Answers the queries of some numbers, each on this thread."""
    numbers, scores = ranked
    for number in some:
        floor = np.zeros(1, dtype=np.int64)
        keys = _best_keys(lists, asked, number, ((0, lists.blocks),), floor)
        _loops().unpack(keys, len(keys), numbers[number], scores[number])


def _answer_together(lists: Lists, asked: Asked, number: int, threads: int, ranked: RankedRows) -> None:
    """Answers one query on several threads, whose best are put together."""
    numbers, scores = ranked
    size = max(BLOCKS_A_PIECE, lists.blocks // (threads * PIECES_A_THREAD))
    pieces = [(first, min(first + size, lists.blocks)) for first in range(0, lists.blocks, size)]
    floor = np.zeros(1, dtype=np.int64)
    found = share_out(pieces, threads, lambda some: _best_keys(lists, asked, number, some, floor))
    keys = np.concatenate(found)
    keys.sort()
    keys = keys[max(0, len(keys) - asked.k) :]
    _loops().unpack(keys, len(keys), numbers[number], scores[number])


def _best_keys(
    lists: Lists,
    asked: Asked,
    number: int,
    pieces: Iterable[tuple[int, int]],
    floor: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The keys of the best rows of the blocks of `pieces` for one query, ascending; `floor` as the loops take
    it."""
    loops = _loops()
    indptr, indices, data, _ = asked.queries
    k = min(asked.k, lists.rows)
    keys = np.empty(2 * k + 16, dtype=np.int64)
    if not k:
        return keys[:0]
    try:
        scratch = lists.scratch.pop()
    except IndexError:  # all of them are in use by other threads
        scratch = loops.scratch()
    if len(indptr) > 2:
        part = slice(indptr[number], indptr[number + 1])
        indices, data = indices[part], data[part]
    query = (indices, data, lists.postings, lists.planes)
    filled = 0
    for blocks in pieces:
        wanted = (lists.rows, blocks, k, asked.mask)
        if asked.positive:
            filled = loops.search_positive(
                *query, lists.vectors, lists.guard, *wanted, scratch, keys, filled, floor
            )
        else:
            filled = loops.search_signed(*query, lists.guard, *wanted, scratch[0], keys, filled)
        if filled < 0:
            raise Damaged
    lists.scratch.append(scratch)
    keys = keys[:filled]
    keys.sort()
    return keys


class _Loops(NamedTuple):
    """The compiled loops of a search."""

    scratch: Callable[..., Any]
    search_positive: Callable[..., Any]
    search_signed: Callable[..., Any]
    unpack: Callable[..., Any]


def load_loops() -> None:
    """Loads the compiled loops now, so that no search of this process is done without them."""
    _loops()


@lru_cache(maxsize=1)
def _loops() -> _Loops:
    """The loops, which are loaded when something is searched for first."""
    from splade_cli.index.engine.accumulators import unpack
    from splade_cli.index.engine.signed import search_signed
    from splade_cli.index.engine.topk import scratch, search_positive

    return _Loops(scratch, search_positive, search_signed, unpack)
