"""Batches of many datasets: every row once, no false negative, lengths that hold, processes in step."""

from __future__ import annotations

import itertools
import pickle
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.training.batches.assignment import batch_sizes, most_conflicts, text_numbers
from splade_cli.training.batches.samplers import MixedBatches, RowBatches, mixed_batches, row_batches


class Joined:
    """What `torch.utils.data.ConcatDataset` shows of itself."""

    def __init__(self, *datasets: Any) -> None:
        self.datasets = datasets


def pairs(count: int, name: str = "a") -> Dataset:
    return Dataset.from_dict(
        {
            "query": [f"{name} q{row}" for row in range(count)],
            "positive": [f"{name} p{row}" for row in range(count)],
        }
    )


def repetitive(count: int, texts: int, seed: int = 0) -> Dataset:
    """Queries and documents from small sets, so that nearly every two rows may clash; with negatives."""
    dice = random.Random(seed)
    rows = [
        {
            "query": f"q{dice.randrange(texts)}",
            "positive": f"d{dice.randrange(texts)}",
            "negative_1": f"d{dice.randrange(texts)}",
            "negative_2": f"d{dice.randrange(texts)}",
            "label": [1.0, 0.0, 0.0],
            "dataset_name": "all the same",
        }
        for _ in range(count)
    ]
    return Dataset.from_list(rows)


def clashes(dataset: Dataset, batch: list[int]) -> int:
    """The rule itself, row against row: a query or positive of one is a text of the other."""
    rows = [dataset[row] for row in batch]
    own = [{row["query"], row["positive"]} for row in rows]
    texts = [
        {value for key, value in row.items() if isinstance(value, str) and key != "dataset_name"}
        for row in rows
    ]
    return sum(bool(own[a] & texts[b]) for a, b in itertools.permutations(range(len(rows)), 2))


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize(
    ("rows", "size", "batches"), [(100, 16, 7), (96, 16, 6), (5, 16, 1), (17, 16, 2), (3, 1, 3)]
)
def test_every_row_once_in_even_batches(rows: int, size: int, batches: int, unique: bool) -> None:
    sampler = RowBatches(pairs(rows), size, seed=1, unique=unique)
    dealt = list(sampler)
    assert sorted(itertools.chain(*dealt)) == list(range(rows))
    assert len(dealt) == len(sampler) == batches
    sizes = [len(batch) for batch in dealt]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert all(isinstance(row, int) for row in dealt[0])


def test_epochs_differ_and_each_can_be_dealt_again() -> None:
    first, second = RowBatches(pairs(64), 8, seed=1), RowBatches(pairs(64), 8, seed=1)
    epochs = []
    for epoch in range(3):
        first.set_epoch(epoch)
        epochs.append(list(first))
    assert len({str(epoch) for epoch in epochs}) == 3
    second.set_epoch(2)
    assert list(second) == epochs[2]
    assert list(second) == epochs[2]
    other = RowBatches(pairs(64), 8, seed=2)
    assert list(other) != epochs[0]


@pytest.mark.parametrize(("rows", "texts", "size"), [(200, 60, 8), (120, 12, 8), (300, 2000, 16), (40, 3, 8)])
def test_no_batch_holds_a_false_negative(rows: int, texts: int, size: int) -> None:
    dataset = repetitive(rows, texts)
    assert any(clashes(dataset, batch) for batch in RowBatches(dataset, size, unique=False))
    sampler = RowBatches(dataset, size, seed=3)
    length = len(sampler)
    for epoch in range(4):
        sampler.set_epoch(epoch)
        dealt = list(sampler)
        assert len(dealt) == length
        assert sorted(itertools.chain(*dealt)) == list(range(rows))
        assert max(map(len, dealt)) <= size
        assert sum(clashes(dataset, batch) for batch in dealt) == 0


def test_texts_that_repeat_a_little_cost_no_batch() -> None:
    """One positive in 7 rows of 100: 7 batches are needed anyway, and each gets one of them."""
    dataset = pairs(100).to_dict()
    dataset["positive"][:7] = ["the same"] * 7
    sampler = RowBatches(Dataset.from_dict(dataset), 16, seed=0)
    assert len(sampler) == 7
    assert [sum(row < 7 for row in batch) for batch in sampler] == [1] * 7
    dataset["positive"][:9] = ["the same"] * 9
    assert len(RowBatches(Dataset.from_dict(dataset), 16, seed=0)) == 9


def test_two_rows_may_share_a_negative_but_not_hold_each_others_positive() -> None:
    shared = Dataset.from_dict({"query": ["a", "b"], "positive": ["c", "d"], "negative": ["n", "n"]})
    crossed = Dataset.from_dict({"query": ["a", "b"], "positive": ["c", "d"], "negative": ["d", "n"]})
    assert [len(RowBatches(each, 2)) for each in (shared, crossed)] == [1, 2]


def test_missing_negatives_are_no_text() -> None:
    rows = Dataset.from_dict({"query": ["a", "b"], "positive": ["c", "d"], "negative": [None, "n"]})
    assert text_numbers(rows)[1].tolist()[0] == [-1]
    assert len(RowBatches(rows, 2)) == 1


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25),
    st.integers(1, 6),
    st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_rows_any_processes(rows: list[tuple[int, int, int]], size: int, processes: int) -> None:
    dataset = Dataset.from_list(
        [{"query": f"q{q}", "positive": f"d{p}", "negative": f"d{n}"} for q, p, n in rows]
    )
    sampler = RowBatches(dataset, size, seed=5, processes=processes)
    dealt = list(sampler)
    counts = Counter(itertools.chain(*dealt))
    assert set(counts) == set(range(len(rows)))
    assert len(dealt) == len(sampler)
    assert len(dealt) % processes == 0
    assert max(map(len, dealt)) <= size
    assert sum(clashes(dataset, batch) for batch in dealt) == 0
    if len(rows) >= len(dealt):
        assert set(counts.values()) == {1}


@given(st.integers(1, 500), st.integers(1, 40), st.integers(1, 40), st.integers(0, 50), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_sizes_sum_to_the_rows(rows: int, low: int, high: int, at_least: int, processes: int) -> None:
    low, high = min(low, high), max(low, high)
    sizes = batch_sizes(rows, low, high, at_least, processes)
    assert len(sizes) % processes == 0
    assert len(sizes) >= at_least
    assert sizes.sum() == max(rows, len(sizes))
    assert sizes.min() >= 1
    assert sizes.max() <= high


def test_conflicts_are_counted_as_by_hand() -> None:
    """`d` is a positive of two rows and a negative of a third, which needs a third batch."""
    rows = Dataset.from_dict(
        {"query": ["a", "b", "c"], "positive": ["d", "d", "e"], "negative": ["x", "x", "d"]}
    )
    assert most_conflicts(text_numbers(rows)) == 3
    assert len(RowBatches(rows, 8)) == 3


def test_batches_grow_over_all_passes() -> None:
    sampler = RowBatches(pairs(400), 32, seed=1, grow_from=4, passes=3)
    dealt = list(sampler)
    sizes = [len(batch) for batch in dealt]
    assert Counter(itertools.chain(*dealt)) == dict.fromkeys(range(400), 3)
    assert len(sizes) == len(sampler)
    assert sizes[0] == 4
    assert max(sizes) <= 32
    assert np.mean(sizes[-5:]) > 28
    thirds = [np.mean(part) for part in np.array_split(sizes, 6)]
    assert thirds == sorted(thirds)
    ends = np.cumsum(sizes).tolist()
    assert {400, 800, 1200} <= set(ends)
    flat = list(itertools.chain(*dealt))
    assert sorted(flat[:400]) == sorted(flat[400:800]) == list(range(400))
    assert flat[:400] != flat[400:800]


def origins(sampler: MixedBatches) -> list[int]:
    """The dataset of each batch; a batch of two is an error."""
    found = []
    for batch in sampler:
        places = {int(np.searchsorted(sampler.starts, row, side="right")) - 1 for row in batch}
        assert len(places) == 1
        found.append(places.pop())
    return found


def mixed(
    strategy: str, processes: int = 1, seed: int = 0, until: str = "all_used_up", sources: Sequence[str] = ()
) -> MixedBatches:
    datasets = [pairs(40, "a"), pairs(8, "b"), pairs(17, "c")]
    batches = [RowBatches(each, 4, seed=seed, processes=processes) for each in datasets]
    return MixedBatches(
        Joined(*datasets),
        batches,
        seed=seed,
        strategy=strategy,  # type: ignore[arg-type]
        until=until,  # type: ignore[arg-type]
        sources=sources,
        processes=processes,
    )


def test_round_robin_goes_on_when_one_is_used_up() -> None:
    sampler = mixed("round_robin")
    assert origins(sampler) == [0, 1, 2, 0, 1, 2, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0]
    assert len(sampler) == 17
    assert sorted(itertools.chain(*sampler)) == list(range(65))


def test_round_robin_ends_with_the_first_that_is_used_up() -> None:
    from sentence_transformers.base.sampler import RoundRobinBatchSampler
    from torch.utils.data import BatchSampler, SequentialSampler

    sampler = mixed("round_robin", until="first_used_up")
    assert origins(sampler) == [0, 1, 2, 0, 1, 2]
    assert sampler.shares() == {"0": 1 / 3, "1": 1 / 3, "2": 1 / 3}
    datasets = [pairs(40, "a"), pairs(8, "b"), pairs(17, "c")]
    batches = [BatchSampler(SequentialSampler(each), 4, drop_last=False) for each in datasets]  # type: ignore[arg-type]
    ours = MixedBatches(Joined(*datasets), batches, strategy="round_robin")
    theirs = RoundRobinBatchSampler(Joined(*datasets), batches)  # type: ignore[arg-type]
    assert len(theirs) == len(ours)
    assert list(theirs) == list(ours)


def test_a_turn_is_one_source_whatever_its_rows_look_like() -> None:
    """Rows of one source with two numbers of negatives are two datasets, and have one turn."""
    sampler = mixed("round_robin", sources=("nli", "nli", "ddsc"), until="first_used_up")
    order = origins(sampler)
    assert [("nli", "nli", "ddsc")[number] for number in order] == ["nli", "ddsc"] * 5
    assert Counter(order)[1] > 0
    assert sampler.shares() == {"nli": 0.5, "ddsc": 0.5}
    assert len(sampler) == 10
    longer = mixed("round_robin", sources=("nli", "nli", "ddsc"))
    assert sorted(itertools.chain(*longer)) == list(range(65))
    assert set(origins(longer)[10:]) <= {0, 1}


def test_proportional_spreads_each_dataset_over_the_epoch() -> None:
    sampler = mixed("proportional")
    order = origins(sampler)
    assert Counter(order) == {0: 10, 1: 2, 2: 5}
    for dataset in range(3):
        places = np.array([place / len(order) for place, each in enumerate(order) if each == dataset])
        even = (np.arange(len(places)) + 0.5) / len(places)
        assert np.abs(places - even).max() < 0.5 / len(places) + 0.15
    assert sorted(itertools.chain(*sampler)) == list(range(65))
    sampler.set_epoch(1)
    assert origins(sampler) != order
    assert sorted(itertools.chain(*sampler)) == list(range(65))
    sampler.set_epoch(0)
    assert origins(sampler) == order


@pytest.mark.parametrize("strategy", ["round_robin", "proportional"])
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_get_as_many_batches_of_the_same_dataset_and_no_row_is_lost(
    strategy: str, processes: int
) -> None:
    from accelerate.data_loader import BatchSamplerShard

    shards = [
        BatchSamplerShard(mixed(strategy, processes), processes, process, even_batches=False)  # type: ignore[arg-type]
        for process in range(processes)
    ]
    dealt = [list(shard) for shard in shards]
    assert len({len(batches) for batches in dealt}) == 1
    assert [len(shard) for shard in shards] == [len(batches) for batches in dealt]
    together = list(itertools.chain(*itertools.chain(*dealt)))
    assert sorted(together) == list(range(65))
    starts = mixed(strategy, processes).starts
    for step in zip(*dealt, strict=True):
        assert len({int(np.searchsorted(starts, row, side="right")) for batch in step for row in batch}) == 1


def test_a_dataset_of_fewer_rows_than_processes_repeats_them() -> None:
    batches = list(RowBatches(pairs(3), 4, processes=4))
    assert [len(batch) for batch in batches] == [1, 1, 1, 1]
    assert set(itertools.chain(*batches)) == {0, 1, 2}


def test_accelerate_skips_the_batches_of_a_resumed_epoch() -> None:
    from accelerate import skip_first_batches
    from accelerate.data_loader import prepare_data_loader
    from torch.utils.data import DataLoader

    def loader(process: int) -> Any:
        sampler = RowBatches(pairs(40), 4, seed=1, processes=2)
        data = DataLoader(list(range(40)), batch_sampler=sampler, collate_fn=list)  # type: ignore[arg-type]
        return prepare_data_loader(data, num_processes=2, process_index=process, even_batches=False), sampler

    for process in range(2):
        whole, sampler = loader(process)
        sampler.set_epoch(1)
        batches = list(whole)
        assert len(batches) == len(whole) == 5
        resumed, sampler = loader(process)
        sampler.set_epoch(1)
        assert list(skip_first_batches(resumed, 2)) == batches[2:]


def test_the_trainer_takes_both_as_arguments() -> None:
    """It calls them with these names, and saves its arguments with pickle."""
    rows, mix = row_batches(unique=False, grow_from=2), mixed_batches(strategy="round_robin")
    rows, mix = pickle.loads(pickle.dumps((rows, mix)))
    each = rows(
        pairs(16), batch_size=8, drop_last=False, valid_label_columns=["label"], generator=None, seed=3
    )
    assert len(next(iter(each))) == 2
    both = mix(dataset=Joined(pairs(16)), batch_samplers=[each], generator=None, seed=3)
    assert both.strategy == "round_robin"
    assert sorted(itertools.chain(*both)) == list(range(16))
