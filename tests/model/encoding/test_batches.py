"""Batches of like length: both limits, what is padded, and that padding changes no vector."""

from __future__ import annotations

import numpy as np
import pytest

from splade_cli.model.encoding.batches import batches_of_like_length


def padding(lengths: np.ndarray, batch_size: int = 64, kind: str = "cpu") -> tuple[float, int]:
    """The share of padding in all batches, and how many there are."""
    batches = list(batches_of_like_length(lengths, batch_size, kind))
    computed = sum(len(batch) * lengths[batch].max() for batch in batches)
    return 1 - lengths.sum() / computed, len(batches)


@pytest.mark.parametrize("budget", [1, 20, None])
def test_batches_keep_to_both_limits(budget: int | None) -> None:
    lengths = np.array([9, 3, 7, 1, 1, 4, 2, 9])
    batches = list(batches_of_like_length(lengths, 3, "cpu", budget))
    assert np.concatenate(batches).tolist() == np.argsort(-lengths, kind="stable").tolist()
    for batch in batches:
        assert len(batch) == 1 or (len(batch) <= 3 and len(batch) * lengths[batch].max() <= (budget or 8192))


def test_few_texts_of_all_lengths_are_hardly_padded() -> None:
    """As 150 queries and chunks of sample_docs are: half of what was computed used to be padding."""
    lengths = np.random.default_rng(0).integers(5, 256, 150)
    share, count = padding(lengths)
    assert share < 0.08
    assert count < 40
    fixed = np.sort(lengths)[::-1]
    naive = sum(len(part) * part.max() for part in (fixed[start : start + 32] for start in range(0, 150, 32)))
    assert 1 - lengths.sum() / naive > 2 * share


def test_texts_of_one_length_fill_their_batches() -> None:
    assert padding(np.full(256, 24)) == (0.0, 4)


def test_short_texts_are_not_torn_apart() -> None:
    """A pass costs something for itself: 60 queries of 4 to 8 tokens are one batch."""
    assert padding(np.tile(np.arange(6, 9), 20))[1] == 1
    assert padding(np.arange(1, 65), kind="cuda")[1] == 1


def test_nothing_gives_no_batch() -> None:
    assert list(batches_of_like_length(np.empty(0, dtype=np.int64), 8)) == []
    assert [len(batch) for batch in batches_of_like_length(np.zeros(3, dtype=np.int64), 8)] == [3]
