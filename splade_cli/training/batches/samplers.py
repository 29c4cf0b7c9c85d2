"""Batch samplers: the row numbers of each batch, within a dataset and between datasets.

Every batch comes from one dataset. All rows of a dataset come once a pass. The number of batches does not
change from one epoch to the next, since the trainer counts its steps by it. What comes in an epoch depends on
its number and the seed alone, so that every process, and a resumed run, draws the same batches.

With P processes, accelerate hands the batches of a round of P to one process each, drops a round whose last
batch is short of `batch_size`, and lets processes with a batch more than others wait for ever. Therefore the
number of batches of each dataset is a multiple of P, a round is of one dataset, and `batch_size` is None:
sizes are ours to choose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from splade_cli.training.batches.assignment import (
    Integers,
    assign_rows,
    batch_sizes,
    most_conflicts,
    text_numbers,
)

ATTEMPTS = 5


class RowBatches:
    """Batches of one dataset, a batch sampler for `SparseEncoderTrainingArguments(batch_sampler=...)`.

    Sizes are even: 100 rows in batches of at most 16 are seven of 14 or 15, since a rest of 4 would have few
    negatives. For the same reason no row is ever left out, and the trainer's `drop_last` has nothing to drop.

    Args:
        dataset: a `datasets.Dataset`; its string columns are query, positive and negatives, in this order.
        batch_size: rows of a batch at most.
        seed: with the epoch's number it decides the order.
        unique: no batch holds a query or positive that is also a text of another of its rows: as a candidate
            it would be a false negative. Two rows may share a negative. Batches become smaller where texts
            repeat much.
        grow_from: size of the first batch; sizes grow evenly with the rows seen, up to `batch_size` in the
            last.
        passes: how often each row comes in one epoch of the trainer. To let batches grow over a whole run,
            give the trainer one epoch of many passes.
        processes: how many take turns at the batches.
    """

    batch_size = None
    drop_last = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        seed: int = 0,
        unique: bool = True,
        grow_from: int | None = None,
        passes: int = 1,
        processes: int = 1,
    ) -> None:
        self.rows = len(dataset)
        self.seed = seed
        self.epoch = 0
        self.processes = processes
        self._texts = text_numbers(dataset) if unique else None
        edges = np.linspace(grow_from or batch_size, batch_size, passes + 1)
        self._plans: list[tuple[Integers, Integers]] = []
        for number, (low, high) in enumerate(pairwise(edges)):
            self._plans.append(self._plan(float(low), float(high), number))

    def set_epoch(self, epoch: int) -> None:
        """The trainer tells the epoch's number before it begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(len(sizes) for sizes, _ in self._plans)

    def __iter__(self) -> Iterator[list[int]]:
        for number, (sizes, planned) in enumerate(self._plans):
            rng = np.random.default_rng([self.seed, self.epoch, number])
            order = planned if self.epoch == 0 else next(self._orders(sizes, rng, ATTEMPTS), planned)
            for batch in np.split(order, np.cumsum(sizes)[:-1]):
                yield batch.tolist()

    def _plan(self, low: float, high: float, number: int) -> tuple[Integers, Integers]:
        """Batch sizes of one pass and the first epoch's order: more batches where texts repeat too much."""
        count = 0 if self._texts is None else most_conflicts(self._texts)
        while True:
            sizes = batch_sizes(self.rows, low, high, count, self.processes)
            rng = np.random.default_rng([self.seed, 0, number])
            order = next(self._orders(sizes, rng, ATTEMPTS), None)
            if order is not None:
                return sizes, order
            count = max(len(sizes) + self.processes, int(len(sizes) * 1.05))

    def _orders(self, sizes: Integers, rng: np.random.Generator, attempts: int) -> Iterator[Integers]:
        """Row numbers, batch after batch; nothing after so many attempts without a repeated text failed."""
        # fewer rows than processes, or than batches of one: some rows come twice, never in the same batch
        repeated = np.resize(np.arange(self.rows), int(sizes.sum()))
        if self._texts is None or len(repeated) > self.rows:
            yield rng.permutation(repeated)
            return
        for _ in range(attempts):
            order = assign_rows(self._texts, sizes, rng)
            if order is not None:
                yield order


class MixedBatches:
    """Batches of several datasets, for `SparseEncoderTrainingArguments(multi_dataset_batch_sampler=...)`.

    ``round_robin`` takes from each source in turn, whatever number of datasets its rows fill, and ends when
    the first source is used up, or goes on with the others until all are. ``proportional`` spreads each
    dataset over the whole epoch, which ends when all rows of all datasets have come.

    Args:
        dataset: the concatenation of the datasets.
        batch_samplers: the batches of each.
        seed: with the epoch's number it decides the order within a source, and of ``proportional``.
        strategy, until: see above.
        sources: the source of each dataset; each is its own by default.
        processes: how many take turns at the batches.
    """

    batch_size = None
    drop_last = False

    def __init__(
        self,
        dataset: Any,
        batch_samplers: Sequence[Any],
        *,
        seed: int = 0,
        strategy: Literal["round_robin", "proportional"] = "proportional",
        until: Literal["first_used_up", "all_used_up"] = "first_used_up",
        sources: Sequence[str] = (),
        processes: int = 1,
    ) -> None:
        self.batch_samplers = list(batch_samplers)
        self.seed = seed
        self.epoch = 0
        self.strategy = strategy
        self.until = until
        self.sources = tuple(sources) or tuple(map(str, range(len(self.batch_samplers))))
        self.processes = processes
        self.starts = np.cumsum([0, *(len(each) for each in dataset.datasets)]).tolist()

    def set_epoch(self, epoch: int) -> None:
        """The trainer tells the epoch's number before it begins."""
        self.epoch = epoch
        for sampler in self.batch_samplers:
            sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._turns()) * self.processes

    def shares(self) -> dict[str, float]:
        """The share of an epoch's batches that each source has."""
        turns = self._turns()
        counts = Counter(self.sources[number] for number in turns)
        return {source: counts[source] / len(turns) for source in dict.fromkeys(self.sources)}

    def __iter__(self) -> Iterator[list[int]]:
        batches = [iter(sampler) for sampler in self.batch_samplers]
        for number in self._turns():
            for _ in range(self.processes):
                yield [self.starts[number] + row for row in next(batches[number])]

    def _turns(self) -> list[int]:
        """The dataset of each round."""
        rounds = [len(sampler) // self.processes for sampler in self.batch_samplers]
        datasets = np.repeat(np.arange(len(rounds)), rounds)
        turns = np.concatenate([np.arange(count) for count in rounds])
        rng = np.random.default_rng([self.seed, self.epoch])
        positions = (turns + rng.random(len(turns))) / np.repeat(rounds, rounds)
        spread = [int(each) for each in datasets[np.argsort(positions, kind="stable")]]
        if self.strategy == "proportional":
            return spread
        return self._in_turn(spread)

    def _in_turn(self, spread: Sequence[int]) -> list[int]:
        """Datasets in such an order that their sources take turns, those of one source as in `spread`."""
        by_source: dict[str, list[int]] = {source: [] for source in dict.fromkeys(self.sources)}
        for number in spread:
            by_source[self.sources[number]].append(number)
        lengths = [len(numbers) for numbers in by_source.values()]
        last = min(lengths) if self.until == "first_used_up" else max(lengths)
        turns = []
        for turn in range(last):
            turns += [numbers[turn] for numbers in by_source.values() if turn < len(numbers)]
        return turns


def row_batches(**options: Any) -> partial[RowBatches]:
    """`RowBatches` with `options` set, as the trainer calls it; picklable, since it saves its arguments."""
    return partial(_row_batches, options)


def mixed_batches(**options: Any) -> partial[MixedBatches]:
    """`MixedBatches` with `options` set, as the trainer calls it."""
    return partial(_mixed_batches, options)


def _row_batches(
    options: dict[str, Any], dataset: Any, batch_size: int, seed: int = 0, **offered: Any
) -> RowBatches:
    return RowBatches(dataset, batch_size, seed=seed, **options)


def _mixed_batches(
    options: dict[str, Any], dataset: Any, batch_samplers: Sequence[Any], seed: int = 0, **offered: Any
) -> MixedBatches:
    return MixedBatches(dataset, batch_samplers, seed=seed, **options)
