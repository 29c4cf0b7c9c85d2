"""Running of the compiled loops for queries: many of them side by side, or the blocks of one.

A row's score has the same bits wherever it is found, and no two rows have the same key, so the k largest keys
of all blocks are the k largest of those that each thread found: threads change nothing but the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.arrays import DAMAGED, MISSING, SORTED, addresses
from splade_cli.index.engine.guards import Guard
from splade_cli.index.engine.running.threads import machine_threads, share_out
from splade_cli.index.engine.uncompiled.cleaning import Queries

RankedRows = tuple[NDArray[np.int64], NDArray[np.float32]]
ROWS_ALONE = 1_000_000
"""Up to so many rows a query runs on one thread: calling others takes about as long as they save."""
BLOCKS_A_PIECE, PIECES_A_THREAD = 4, 4
"""Blocks that a thread takes at once, at least: 0.1 ms of work; and how often it comes back for more, so that
one that is held up leaves its share to the others."""


class Damaged(Exception):
    """What the loops read is damaged, or does not fit together."""


class Unclean(Exception):
    """A query whose terms do not ascend or are none of the index's, or that has a weight of zero, or one that
    is not finite."""


class Scratch(NamedTuple):
    """What a thread works in, and the addresses of the lists that it searches and of it."""

    arrays: tuple[NDArray[Any], ...]
    bound: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lists:
    """What the loops search, see `postings.Postings`: the arrays, bound for the loops, and the sizes.

    Attributes:
        addresses: of all arrays.
        kind: no weights, of their type.
        scratch: what threads of earlier searches worked in; a search takes one and puts it back.
    """

    postings: tuple[NDArray[Any], ...]
    planes: tuple[NDArray[Any], ...]
    vectors: tuple[NDArray[Any], ...]
    guard: Guard
    addresses: NDArray[np.int64]
    kind: NDArray[Any]
    rows: int
    blocks: int
    scratch: deque[Scratch]

    @classmethod
    def of(
        cls,
        postings: tuple[NDArray[Any], ...],
        planes: tuple[NDArray[Any], ...],
        vectors: tuple[NDArray[Any], ...],
        guard: Guard,
        rows: int,
    ) -> Lists:
        """Over arrays in the order that `answering` takes them in."""
        bound = addresses((*postings, *planes, *vectors, *guard))
        kind = np.empty(0, dtype=postings[-1].dtype)
        blocks = len(postings[0]) // 3 - 1
        return cls(postings, planes, vectors, guard, bound, kind, rows, blocks, deque())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies are bound anew: addresses are those of this object's own arrays."""
        return Lists.of, (self.postings, self.planes, self.vectors, self.guard, self.rows)


class Asked(NamedTuple):
    """Queries, and what is wanted of each.

    Attributes:
        queries: CSR arrays as the loops take them, see `cleaning.csr_arrays`.
        step: what a weight is multiplied by.
        mask: uint8 [rows], what may be a result; empty for all.
        k: results wanted.
    """

    queries: Queries
    step: float
    mask: NDArray[np.uint8]
    k: int


def best_rows(lists: Lists, asked: Asked, threads: int | None = None) -> RankedRows:
    """Row numbers int64 [q, k] and scores float32 [q, k], see `postings.Postings.search`.

    Raises:
        Damaged: where what was read is.
        Unclean: a query that is not in order.
    """
    count = len(asked.queries[0]) - 1
    ranked = (np.empty((count, asked.k), dtype=np.int64), np.empty((count, asked.k), dtype=np.float32))
    if count == 1 and lists.rows <= ROWS_ALONE:
        _answer(lists, asked, ((0, 1),), ranked)
        return ranked
    workers = threads or machine_threads()
    shares = 1
    if lists.rows > ROWS_ALONE:
        shares = min(workers, -(-lists.blocks // BLOCKS_A_PIECE))
    if shares > min(count, workers):
        for number in range(count):
            _answer_together(lists, asked, number, shares, ranked)
    else:
        workers = min(count, workers)
        pieces = _pieces(count, max(1, count // (workers * PIECES_A_THREAD)))
        share_out(pieces, workers, lambda some: _answer(lists, asked, some, ranked))
    return ranked


def _pieces(count: int, size: int) -> list[tuple[int, int]]:
    """(first, one after the last) of pieces of `size` numbers."""
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def _answer(lists: Lists, asked: Asked, some: Iterable[tuple[int, int]], ranked: RankedRows) -> None:
    """Answers the queries of some numbers, each on this thread."""
    loops = _loops()
    scratch = _scratch_of(lists)
    rows, scores = ranked
    status = 0
    for first, last in some:
        status = loops.answer(
            scratch.bound,
            lists.kind,
            *asked.queries,
            asked.step,
            first,
            last,
            lists.blocks,
            min(asked.k, lists.rows),
            asked.mask,
            rows,
            scores,
        )
        if status < 0:
            break
        if asked.k > SORTED:
            rows[first:last].sort()
            loops.unpack(rows[first:last], scores[first:last])
    if status < 0:
        _give_up(scratch, lists, status)
    lists.scratch.append(scratch)


def _answer_together(lists: Lists, asked: Asked, number: int, threads: int, ranked: RankedRows) -> None:
    """Answers one query on several threads, whose best are put together."""
    pieces = _pieces(lists.blocks, max(BLOCKS_A_PIECE, lists.blocks // (threads * PIECES_A_THREAD)))
    floor = np.zeros(1, dtype=np.int64)
    found = share_out(pieces, threads, lambda some: _best_keys(lists, asked, number, some, floor))
    turned = ~np.concatenate(found)
    turned.sort()
    rows, scores = (part[number : number + 1] for part in ranked)
    rows[0, :] = MISSING
    rows[0, : len(turned)] = turned[: rows.shape[1]]
    _loops().unpack(rows, scores)


def _best_keys(
    lists: Lists, asked: Asked, number: int, pieces: Iterable[tuple[int, int]], floor: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The keys of the best rows of the blocks of `pieces` for one query; `floor` as the loops take it."""
    loops = _loops()
    scratch = _scratch_of(lists)
    k = min(asked.k, lists.rows)
    keys = np.empty(2 * k + 16, dtype=np.int64)
    filled = 0
    for first, last in pieces:
        filled = loops.best_keys(
            scratch.bound,
            lists.kind,
            *asked.queries,
            asked.step,
            number,
            first,
            last,
            k,
            asked.mask,
            keys,
            filled,
            floor,
        )
        if filled < 0:
            break
    if filled < 0:
        _give_up(scratch, lists, filled)
    lists.scratch.append(scratch)
    return keys[:filled]


def _scratch_of(lists: Lists) -> Scratch:
    """What this thread is to work in, until it is put back."""
    try:
        return lists.scratch.pop()
    except IndexError:  # all of them are in use by other threads
        arrays = _loops().scratch()
        return Scratch(arrays, np.concatenate((lists.addresses, addresses(arrays))))


def _give_up(scratch: Scratch, lists: Lists, status: int) -> NoReturn:
    """Raises Damaged or Unclean, as the loops' `status` says; where damage was met, what the thread worked in
    was left as it was and is of no more use."""
    if status == DAMAGED:
        raise Damaged
    lists.scratch.append(scratch)
    raise Unclean


class _Loops(NamedTuple):
    """The compiled loops of a search."""

    scratch: Callable[..., Any]
    answer: Callable[..., Any]
    best_keys: Callable[..., Any]
    unpack: Callable[..., Any]


def load_loops() -> None:
    """Loads the compiled loops now, so that no search of this process is done without them."""
    _loops()


@lru_cache(maxsize=1)
def _loops() -> _Loops:
    """The loops, which are loaded when something is searched for first."""
    from splade_cli.index.engine.running.answering import answer, best_keys, unpack
    from splade_cli.index.engine.topk import scratch

    return _Loops(scratch, answer, best_keys, unpack)
