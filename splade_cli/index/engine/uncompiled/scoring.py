"""Top-k search of one query in NumPy: all its postings are added up, in the order of the compiled loops.

The products and sums are theirs, rounded as theirs and in their order, so a score has the same bits. A
posting takes about ten times as long; but loading the compiled loops takes as long as adding up some ten
million, and compiling them, where no machine code is kept, as long as a billion: what a process asks first is
added up here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.mapped_file import MappedFile

BLOCK = 1 << 16
LOW = (1 << 32) - 1
LOOKUP = 1000
"""Postings that could be added up while one term is looked up in one block."""
COMPILED = "splade_cli.index.engine.running.answering"


@lru_cache(maxsize=1)
def is_kept() -> bool:
    """Whether an earlier process has left the machine code of the compiled loops, which is then loaded."""
    from splade_cli.index.engine.compiling import cache_folder

    folder = cache_folder()
    return folder is not None and any(folder.rglob("answering.answer-*.nbi"))


@dataclass
class Budget:
    """Postings that may still be added up here, by all searches of this process together.

    Attributes:
        left: before the compiled loops are loaded.
        unkept: so many more where they would have to be compiled first.
    """

    left: int
    unkept: int = 0

    def take(self, work: int) -> bool:
        """Whether `work` postings are to be added up here: False where compiled loops are there, or would
        pay."""
        if COMPILED in sys.modules:
            return False
        if work > self.left and self.unkept and not is_kept():
            self.left += self.unkept
            self.unkept = 0
        if work > self.left:
            return False
        self.left -= work
        return True


BUDGET = Budget(1 << 23, 1 << 30)


@dataclass(frozen=True)
class Lists:
    """Posting lists as `postings.Postings` describes them.

    Attributes:
        arrays: blocks, directory, terms, starts, rows, weights.
        about: the array of the name.
        file: where they lie; None in memory, where nothing is compared.
        count: rows.
    """

    arrays: tuple[NDArray[Any], ...]
    about: NDArray[np.float64]
    file: MappedFile | None
    count: int

    def require(self, *arrays: NDArray[Any]) -> None:
        """Raises IndexFolderError where these are damaged."""
        if self.file is not None:
            self.file.require_arrays(*arrays)

    def spans(self, terms: NDArray[np.int32]) -> list[list[tuple[int, int]]]:
        """For each block, where the postings of each term lie; (0, 0) where it does not come.

        Raises:
            IndexFolderError: what was read is damaged.
            ValueError: it does not fit together.
        """
        starts, rows = self.arrays[3], self.arrays[4]
        spans: list[list[tuple[int, int]]] = []
        for block in range(len(self.arrays[0]) // 3 - 1):
            spans.append([])
            for term in terms.tolist():
                slot = self._slot(block, term)
                if slot < 0:
                    spans[-1].append((0, 0))
                    continue
                self.require(starts[slot : slot + 2])
                first, last = int(starts[slot]), int(starts[slot + 1])
                if not 0 <= first <= last <= len(rows):
                    raise ValueError("postings that lie outside")
                spans[-1].append((first, last))
        return spans

    def _slot(self, block: int, term: int) -> int:
        """The position of a term among a block's terms, -1 where it is none; as `accumulators.find_terms`."""
        blocks, directory, terms = self.arrays[:3]
        first, shelf, shift, behind = blocks[3 * block : 3 * block + 4].tolist()
        bucket = shelf + (term >> shift)
        self.require(directory[bucket : bucket + 2])
        low = first + max(0, int(directory[bucket]))
        high = min(first + int(directory[bucket + 1]), behind)
        if low >= high:
            return -1
        self.require(terms[low:high])
        slot = low + int(np.searchsorted(terms[low:high], term))
        return slot if slot < high and terms[slot] == term else -1

    def members(self, first: int, last: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Rows and weights of a posting list; raises as `spans`."""
        rows, weights = self.arrays[4][first:last], self.arrays[5][first:last]
        self.require(rows, weights)
        members = rows.astype(np.intp)
        values = weights.astype(np.float32)
        if self.file is not None and len(members):
            ascending = bool(np.all(members[1:] > members[:-1])) and int(members[-1]) < size
            if not ascending or not (values.min() >= self.about[2] and np.abs(values).max() <= self.about[4]):
                raise ValueError("a list of other rows or weights")
        return members, values


def best_keys(
    terms: NDArray[np.int32],
    weights: NDArray[np.float32],
    lists: Lists,
    k: int,
    positive: bool,
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64] | None:
    """Keys of the k best rows, see `accumulators`; None where the compiled loops are to do it.

    Args:
        terms, weights: of the query, terms ascending.
        positive: every product is above zero.
        allowed: rows that may be results; all where None.

    Raises:
        IndexFolderError, ValueError: as `Lists.spans`.
    """
    spans = lists.spans(terms)
    work = LOOKUP * len(terms) * len(spans)
    work += sum(last - first for found in spans for first, last in found)
    if not BUDGET.take(work):
        return None
    best = np.empty(0, dtype=np.int64)
    for block, found in enumerate(spans):
        base = block * BLOCK
        size = min(BLOCK, lists.count - base)
        accumulators = np.zeros(size, dtype=np.float32)
        met = np.zeros(size, dtype=np.bool_)
        for weight, (first, last) in zip(weights, found, strict=True):
            members, values = lists.members(first, last, size)
            accumulators[members] += weight * values
            met[members] = True
        if positive:
            met = accumulators > 0
        if allowed is not None:
            met &= allowed[base : base + size]
        rows = np.flatnonzero(met)
        best = np.concatenate([best, _keys(accumulators[rows], rows + base)])
        if len(best) > k:
            best = np.partition(best, len(best) - k)[-k:]
    return best


def _keys(scores: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """A score's bits above, turned where it is below zero so that they are ordered, and the row below."""
    bits = scores.view(np.int32).astype(np.int64)
    bits[scores == 0] = 0
    bits = np.where(bits < 0, -1 - (bits & 0x7FFFFFFF), bits)
    return (bits << 32) | (LOW - rows)


def unpacked(keys: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row numbers [1, k] and scores [1, k] of keys, best first; missing ones are -1 and -inf."""
    ordered = np.sort(keys)[::-1]
    bits = ordered >> 32
    bits = np.where(bits >= 0, bits, -1 - bits - 0x80000000)
    numbers = np.full((1, k), -1, dtype=np.int64)
    scores = np.full((1, k), -np.inf, dtype=np.float32)
    numbers[0, : len(keys)] = LOW - (ordered & LOW)
    scores[0, : len(keys)] = bits.astype(np.int32).view(np.float32)
    return numbers, scores
