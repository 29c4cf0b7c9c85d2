"""Batch assignment: how large batches are, and which row goes into which, without false negatives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def batch_sizes(rows: int, low: float, high: float, at_least: int, processes: int) -> Integers:
    """Sizes [batches] of one pass, summing to `rows`, each about what lies on the line from `low` to `high`.

    The number of batches is the smallest multiple of `processes` that keeps each at or below that line, and
    at least `at_least`. Batches of a round differ by one row at most. With fewer rows than batches each has
    one, repeated.
    """
    count = max(at_least, int(np.ceil(2 * rows / (low + high))), 1)
    while True:
        rounds = -(-count // processes)
        line = np.repeat(np.floor(np.linspace(low, high, rounds) + 1e-9), processes)
        if line.sum() >= rows:
            break
        count = max(count + 1, int(len(line) * rows / line.sum()))
    if len(line) >= rows:
        return np.ones(len(line), dtype=np.int64)
    share = np.cumsum(line - 1) * ((rows - len(line)) / (line - 1).sum())
    sizes: Integers = 1 + np.diff(np.rint(share), prepend=0).astype(np.int64)
    return sizes


def text_numbers(dataset: Any) -> tuple[Integers, Integers]:
    """Numbers of the texts, equal ones alike: queries and positives [rows, 2], negatives [rows, n]."""
    import pyarrow as pa  # type: ignore[import-untyped]

    table = dataset.with_format("arrow")[:]
    texts = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        if is_text and name != "dataset_name":
            texts.append(column)
    chunks = [chunk.cast(pa.large_string()) for column in texts for chunk in column.chunks]
    encoded = pa.chunked_array(chunks, pa.large_string()).combine_chunks().dictionary_encode()
    numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    columns = numbers.reshape(len(texts), len(dataset)).T
    return columns[:, :2], columns[:, 2:]


def most_conflicts(texts: tuple[Integers, Integers]) -> int:
    """Batches needed at least: rows with one text as query or positive, and one where it is a negative."""
    own, negatives = texts
    size = max(own.max(initial=-1), negatives.max(initial=-1)) + 1
    same = own[:, 0] == own[:, 1]
    counts = np.bincount(np.concatenate([own[:, 0], own[~same, 1]]), minlength=size)
    foreign = np.zeros(size, dtype=np.int64)
    if negatives.size:
        outside = (negatives >= 0) & (negatives != own[:, :1]) & (negatives != own[:, 1:2])
        foreign[negatives[outside]] = 1
    return int((counts + foreign * (counts > 0)).max(initial=1))


def assign_rows(
    texts: tuple[Integers, Integers], sizes: Integers, rng: np.random.Generator
) -> Integers | None:
    """Rows into batches of `sizes` so that no query or positive is a text of another row of its batch.

    This is colouring of a conflict graph, greedily. Rows whose texts are nowhere else fit everywhere. The
    others go first, those with the most repeated text in front: each into the first batch that takes it,
    looking from a random one onwards.

    Returns:
        Row numbers, batch after batch, or None where a row fitted nowhere.
    """
    own, negatives = texts
    conflicts = _conflicts(own, negatives)
    shuffled = rng.permutation(len(own))
    repeated = shuffled[conflicts[shuffled] > 1]
    repeated = repeated[np.argsort(-conflicts[repeated], kind="stable")]
    batches = _Batches(sizes.tolist())
    starts = rng.integers(len(sizes), size=len(repeated)).tolist()
    for row, start in zip(repeated.tolist(), starts, strict=True):
        if not batches.add(row, own[row].tolist(), negatives[row].tolist(), start):
            return None
    free = shuffled[conflicts[shuffled] <= 1]
    order = np.empty(len(own), dtype=np.int64)
    position = 0
    used = 0
    for rows, size in zip(batches.rows, batches.sizes, strict=True):
        filling = size - len(rows)
        order[position : position + size] = [*rows, *free[used : used + filling].tolist()]
        position += size
        used += filling
    return order


def _conflicts(own: Integers, negatives: Integers) -> Integers:
    """For each row, how many rows have its most repeated text; 1 where it fits everywhere."""
    size = int(max(own.max(initial=-1), negatives.max(initial=-1))) + 1
    uses = np.bincount(own.ravel(), minlength=size)
    as_negative = np.bincount(negatives[negatives >= 0], minlength=size)
    conflicts: Integers = np.maximum((uses + as_negative)[own].max(axis=1), 1)
    if negatives.size:
        of_negatives = np.where(negatives >= 0, 1 + uses[negatives], 1)
        conflicts = np.maximum(conflicts, of_negatives.max(axis=1))
    return conflicts


class _Batches:
    """Batches that are being filled, and the texts that each holds."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.rows: list[list[int]] = [[] for _ in sizes]
        self._own: list[set[int]] = [set() for _ in sizes]
        self._texts: list[set[int]] = [set() for _ in sizes]

    def add(self, row: int, own: list[int], negatives: list[int], start: int) -> bool:
        """Puts a row into the first batch from `start` on that takes it; False where none does."""
        for step in range(len(self.sizes)):
            batch = (start + step) % len(self.sizes)
            if (
                len(self.rows[batch]) < self.sizes[batch]
                and self._texts[batch].isdisjoint(own)
                and self._own[batch].isdisjoint(negatives)
            ):
                self.rows[batch].append(row)
                self._own[batch].update(own)
                self._texts[batch].update(own, negatives)
                return True
        return False
