"""Static query vectors and IDF against slow versions in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.model.query_encoders.frequencies import TokenFrequencies
from splade_cli.model.query_encoders.static import static_rows

TABLE = np.array([0.5, 0.0, 2.0, -1.0, 0.0, 3.25], dtype=np.float32)
ROWS = st.lists(st.lists(st.integers(0, len(TABLE) - 1), max_size=12), max_size=8)


def test_distinct_tokens_in_ascending_order_without_zero_weights() -> None:
    found = static_rows([[5, 1, 5, 0, 5], [], [2], [1, 4, 1], [3, 2]], TABLE)
    assert (found.shape, found.dtype, found.indices.dtype) == ((5, 6), np.float32, np.int32)
    assert found.indptr.tolist() == [0, 2, 2, 3, 3, 5]
    assert found.indices.tolist() == [0, 5, 2, 2, 3]
    assert found.data.tolist() == [0.5, 3.25, 2.0, 2.0, -1.0]
    assert found.has_canonical_format


@given(ROWS)
def test_any_queries(ids: list[list[int]]) -> None:
    expected = [
        {token: float(TABLE[token]) for token in sorted(set(row)) if TABLE[token] != 0} for row in ids
    ]
    found = static_rows(ids, TABLE)
    assert found.shape == (len(ids), len(TABLE))
    for row, wanted in enumerate(expected):
        start, end = found.indptr[row : row + 2]
        assert (
            dict(zip(found.indices[start:end].tolist(), found.data[start:end].tolist(), strict=True))
            == wanted
        )
        assert found.indices[start:end].tolist() == list(wanted)


def test_the_table_may_be_of_another_precision_and_is_not_changed() -> None:
    table = TABLE.astype(np.float64)
    table.flags.writeable = False
    found = static_rows([[0, 2]], table)  # type: ignore[arg-type]
    assert found.dtype == np.float32
    found.data[:] = 9
    assert table[0] == 0.5


@pytest.mark.parametrize("ids", [[], [[]], [[], []]])
def test_nothing_to_weigh(ids: list[list[int]]) -> None:
    found = static_rows(ids, TABLE)
    assert (found.shape, found.nnz, found.dtype) == ((len(ids), 6), 0, np.float32)


def slow_idf(texts: Sequence[Sequence[int]], dimensions: int) -> list[float]:
    found = []
    for token in range(dimensions):
        having = sum(token in text for text in texts)
        found.append(math.log(1 + (len(texts) - having + 0.5) / (having + 0.5)))
    return found


@given(ROWS)
def test_idf(texts: list[list[int]]) -> None:
    found = TokenFrequencies.of(iter(texts), 7).idf()
    assert (found.shape, found.dtype) == ((7,), np.float32)
    np.testing.assert_allclose(found, slow_idf(texts, 7), rtol=1e-6)
    assert (found > 0).all(), "a token of every text keeps a weight"


def test_a_rarer_token_weighs_more_however_often_it_stands_in_its_text() -> None:
    common, rare, never = TokenFrequencies.of([[0, 1, 1, 1], [0], [0]], 3).idf()
    assert common < rare < never
    assert rare == pytest.approx(math.log(1 + 2.5 / 1.5))
