"""Rows and batch sizes in, which row goes into which batch out; knows no epochs, no processes' turns and no trainer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def batch_sizes(rows: int, low: float, high: float, at_least: int, processes: int) -> Integers:
    """Sizes [batches] of one pass, summing to `rows`, each about what lies on the line from `low` to `high`.

    The number of batches is the smallest multiple of `processes` that keeps each at or below that line, and at least
    `at_least`. Batches of a round differ by one row at most. With fewer rows than batches each has one, repeated.
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
    """A number for each different text: of queries and positives [rows, 2], of negatives [rows, negatives]."""
    import pyarrow as pa  # type: ignore[import-untyped]

    table = dataset.with_format("arrow")[:]
    texts = [
        column
        for name, column in zip(table.column_names, table.columns, strict=True)
        if (pa.types.is_string(column.type) or pa.types.is_large_string(column.type))
        and name != "dataset_name"
    ]
    chunks = [chunk.cast(pa.large_string()) for column in texts for chunk in column.chunks]
    encoded = pa.chunked_array(chunks, pa.large_string()).combine_chunks().dictionary_encode()
    numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    columns = numbers.reshape(len(texts), len(dataset)).T
    return columns[:, :2], columns[:, 2:]


def most_conflicts(texts: tuple[Integers, Integers]) -> int:
    """Batches needed at least: rows with one text as query or positive, and one more where it is a negative."""
    own, negatives = texts
    size = max(own.max(initial=-1), negatives.max(initial=-1)) + 1
    same = own[:, 0] == own[:, 1]
    counts = np.bincount(np.concatenate([own[:, 0], own[~same, 1]]), minlength=size)
    foreign = np.zeros(size, dtype=np.int64)
    if negatives.size:
        outside = (negatives >= 0) & (negatives != own[:, :1]) & (negatives != own[:, 1:2])
        foreign[negatives[outside]] = 1
    return int((counts + foreign * (counts > 0)).max(initial=1))


def deal(texts: tuple[Integers, Integers], sizes: Integers, rng: np.random.Generator) -> Integers | None:
    """Rows into batches of `sizes` so that no query or positive is a text of another row of its batch.

    Rows whose texts are nowhere else fit everywhere. The others go first, those with the most repeated text in front:
    each into the first batch that takes it, looking from a random one onwards.

    Returns:
        Row numbers, batch after batch, or None where a row fitted nowhere.
    """
    own, negatives = texts
    size = int(max(own.max(initial=-1), negatives.max(initial=-1))) + 1
    uses = np.bincount(own.ravel(), minlength=size)
    as_negative = np.bincount(negatives[negatives >= 0], minlength=size)
    clashes = np.maximum((uses + as_negative)[own].max(axis=1), 1)
    if negatives.size:
        clashes = np.maximum(clashes, np.where(negatives >= 0, 1 + uses[negatives], 1).max(axis=1))
    shuffled = rng.permutation(len(own))
    bound = shuffled[clashes[shuffled] > 1]
    bound = bound[np.argsort(-clashes[bound], kind="stable")]
    batches: list[list[int]] = [[] for _ in sizes]
    owned: list[set[int]] = [set() for _ in sizes]
    held: list[set[int]] = [set() for _ in sizes]
    room = sizes.tolist()
    for row, start in zip(bound.tolist(), rng.integers(len(sizes), size=len(bound)).tolist(), strict=True):
        mine, others = own[row].tolist(), negatives[row].tolist()
        for step in range(len(room)):
            place = (start + step) % len(room)
            if (
                len(batches[place]) < room[place]
                and held[place].isdisjoint(mine)
                and owned[place].isdisjoint(others)
            ):
                break
        else:
            return None
        batches[place].append(row)
        owned[place].update(mine)
        held[place].update(mine, others)
    free = shuffled[clashes[shuffled] <= 1]
    order = np.empty(len(own), dtype=np.int64)
    used = position = 0
    for batch, wanted in zip(batches, room, strict=True):
        taken = [*batch, *free[used : used + wanted - len(batch)].tolist()]
        used += wanted - len(batch)
        order[position : position + wanted] = taken
        position += wanted
    return order
