"""What the compiled door of a search takes: queries in any shape that SciPy allows, and their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.engine.arrays import SORTED, addresses
from splade_cli.index.engine.postings import Postings

ROWS, TERMS = 700, 60


@pytest.fixture(scope="module")
def postings() -> Postings:
    """Rows whose weights are quarters, so that many scores are equal."""
    dice = np.random.default_rng(5)
    made: Any = sp.random(ROWS, TERMS, density=0.2, format="csr", dtype=np.float32, random_state=dice)
    made.data = (dice.integers(1, 9, made.nnz) / 4).astype(np.float32)
    return Postings.build(made)


def queries() -> sp.csr_matrix:
    dice = np.random.default_rng(6)
    made: Any = sp.random(5, TERMS, density=0.3, format="csr", dtype=np.float32, random_state=dice)
    made.data = (dice.integers(1, 9, made.nnz) / 4).astype(np.float32)
    made.sort_indices()
    return sp.csr_matrix(made)


def jumbled(clean: sp.csr_matrix) -> sp.csr_matrix:
    """The same with the terms of each row turned round, one of them in two halves, and a stored zero."""
    rows = []
    for number in range(clean.shape[0]):
        one = clean[number]
        indices = np.concatenate([one.indices[::-1], one.indices[:1], [TERMS - 1 - one.indices[0]]])
        data = np.concatenate([one.data[::-1], one.data[:1] / 2, [0]]).astype(np.float32)
        data[one.nnz - 1] /= 2
        rows.append(sp.csr_matrix((data, indices, [0, len(data)]), shape=(1, TERMS)))
    return sp.csr_matrix(sp.vstack(rows, format="csr"))


def unwritable(clean: sp.csr_matrix) -> sp.csr_matrix:
    made = clean.copy()
    for array in (made.indptr, made.indices, made.data):
        array.setflags(write=False)
    return made


def wide(clean: sp.csr_matrix) -> sp.csr_matrix:
    made = clean.copy()
    made.indptr, made.indices = made.indptr.astype(np.int64), made.indices.astype(np.int64)
    return made


def spread(clean: sp.csr_matrix) -> sp.csr_matrix:
    """The same in arrays that are not contiguous."""
    made = clean.copy()
    made.data = np.stack([clean.data, clean.data + 7]).T.ravel()[::2]
    made.indices = np.stack([clean.indices, clean.indices[::-1]]).T.ravel()[::2]
    return made


@pytest.mark.parametrize("shape", [jumbled, unwritable, wide, spread, sp.coo_matrix, sp.csc_array])
def test_queries_are_taken_in_any_shape(postings: Postings, shape: Any) -> None:
    clean = queries()
    for asked in (clean, clean[2]):
        expected = postings.search(asked, 9)
        given = shape(asked)
        before = given.copy()
        for _ in range(2):
            rows, scores = postings.search(given, 9)
            assert rows.tobytes() == expected[0].tobytes()
            assert scores.tobytes() == expected[1].tobytes()
        assert (given != before).nnz == 0
    assert len(postings._lists.scratch) >= 1, "what was worked in is kept, also after a query out of order"


@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_refused_among_others(postings: Postings, weight: float) -> None:
    asked = queries()
    asked.data[-1] = weight
    with pytest.raises(InputError, match="not finite"):
        postings.search(asked, 3)
    assert postings.search(asked[0], 3)[0].shape == (1, 3)


@pytest.mark.parametrize("k", [1, SORTED - 1, SORTED, SORTED + 1, ROWS, ROWS + 40])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_order_is_that_of_scores_then_rows(postings: Postings, k: int, sign: int) -> None:
    asked = sp.csr_matrix(sign * queries())
    rows, scores = postings.search(asked, k)
    stored = sp.csr_matrix(postings.vectors[::-1], shape=(ROWS, TERMS))
    products = (asked @ stored.T).toarray()  # quarters are added without rounding
    for number in range(asked.shape[0]):
        met = np.flatnonzero(products[number])
        best = met[np.lexsort((met, -products[number][met]))][:k]
        assert rows[number, : len(best)].tolist() == best.tolist()
        assert scores[number, : len(best)].tolist() == products[number][best].tolist()
        assert (rows[number, len(best) :] == -1).all() and (scores[number, len(best) :] == -np.inf).all()


def test_dense_queries_are_taken(postings: Postings) -> None:
    asked = queries()
    rows, scores = postings.search(asked, 9)
    found = postings.search(asked.toarray(), 9)  # type: ignore[arg-type]
    assert np.array_equal(found[0], rows) and np.array_equal(found[1], scores)


@pytest.mark.parametrize("shape", [spread, wide])
def test_vectors_are_taken_in_any_arrays(shape: Any) -> None:
    """So many rows that they are found by their bounds, and scored from their own vectors."""
    dice = np.random.default_rng(1)
    made: Any = sp.random(16_000, TERMS, density=0.1, format="csr", dtype=np.float32, random_state=dice)
    made.data = (dice.integers(1, 9, made.nnz) / 4).astype(np.float32)
    few = np.arange(16_000) % 400 == 0
    for allowed in (None, few):
        rows, scores = Postings.build(made).search(queries(), 5, allowed=allowed)
        found = Postings.build(shape(made)).search(queries(), 5, allowed=allowed)
        assert np.array_equal(found[0], rows) and np.array_equal(found[1], scores)


def test_arrays_that_are_not_contiguous_have_no_address() -> None:
    numbers = np.arange(8, dtype=np.int32)
    for spaced in (numbers[::2], numbers[::-1]):
        with pytest.raises(ValueError, match="array 1 .* not contiguous"):
            addresses([numbers, spaced])


def test_addresses_and_sizes() -> None:
    numbers = np.arange(7, dtype=np.int32)
    assert addresses([numbers, numbers[:0]])[1::2].tolist() == [7, 0]
    assert addresses([numbers])[0] == numbers.ctypes.data
