"""Pruning and saturation against loops over rows."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.errors import InputError
from splade_cli.index.vectors.pruning import Pruning, keep_mass, keep_top, saturated

WEIGHTS = st.sampled_from([0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 1.7, 3.25, -0.5, -2.0])
MATRICES = st.integers(1, 8).flatmap(
    lambda width: st.lists(st.lists(WEIGHTS, min_size=width, max_size=width), min_size=1, max_size=6)
)


def csr(rows: list[list[float]]) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(rows, dtype=np.float32))


def random_vectors(rows: int, dimensions: int, terms: int, seed: int) -> sp.csr_matrix:
    generator = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, dimensions + 1)
    dense = np.zeros((rows, dimensions), dtype=np.float32)
    for row in dense:
        row[generator.choice(dimensions, terms, False, popularity / popularity.sum())] = generator.lognormal(
            0, 0.6, terms
        )
    return sp.csr_matrix(dense)


def ranked(row: np.ndarray) -> list[int]:
    return sorted(np.flatnonzero(row), key=lambda column: (-abs(row[column]), column))


@settings(max_examples=150, deadline=None)
@given(rows=MATRICES, terms=st.integers(1, 6))
def test_top_terms_of_each_row(rows: list[list[float]], terms: int) -> None:
    expected = np.zeros((len(rows), len(rows[0])), dtype=np.float32)
    for out, row in zip(expected, np.array(rows, dtype=np.float32), strict=True):
        kept = ranked(row)[:terms]
        out[kept] = row[kept]
    found = keep_top(csr(rows), terms)
    np.testing.assert_array_equal(found.toarray(), expected)
    assert found.has_canonical_format


@settings(max_examples=150, deadline=None)
@given(rows=MATRICES, share=st.sampled_from([0.01, 0.3, 0.5, 0.9, 1.0]))
def test_share_of_the_mass_of_each_row(rows: list[list[float]], share: float) -> None:
    expected = np.zeros((len(rows), len(rows[0])), dtype=np.float32)
    for out, row in zip(expected, np.array(rows, dtype=np.float32), strict=True):
        mass = 0.0
        for column in ranked(row):
            if mass >= share * float(np.abs(row).sum(dtype=np.float64)):
                break
            out[column] = row[column]
            mass += abs(float(row[column]))
    np.testing.assert_array_equal(keep_mass(csr(rows), share).toarray(), expected)


def test_saturation_keeps_order_sign_and_one() -> None:
    found = saturated(csr([[0.5, 1, 4, 100, -4]]), 2).toarray()[0]
    np.testing.assert_allclose(found, [3 * 0.5 / 2.5, 1, 2, 300 / 102, -2], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: keep_top(v, 0), "prune_terms must be above 0"),
        (lambda v: keep_mass(v, 0), "share must be above 0 and at most 1, got 0"),
        (lambda v: Pruning(terms=0), "prune_terms must be above 0"),
        (lambda v: Pruning(mass=1.5), "at most 1, got 1.5"),
        (lambda v: saturated(v, 0), "saturation must be above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(csr([[1.0]]))  # type: ignore[operator]


def test_nothing_of_the_input_is_changed() -> None:
    matrix = random_vectors(20, 30, 8, 0)
    before = matrix.copy()
    for result in (
        keep_top(matrix, 3),
        keep_mass(matrix, 0.5),
        Pruning(3, 0.5).applied(matrix),
    ):
        result.data[:] = 7
    assert (matrix != before).nnz == 0


def test_what_an_index_leaves_out() -> None:
    matrix = random_vectors(20, 30, 8, 0)
    assert Pruning().applied(matrix) is matrix
    assert (Pruning(5, 0.7).applied(matrix) != keep_mass(keep_top(matrix, 5), 0.7)).nnz == 0
    assert (Pruning(mass=0.7).applied(matrix) != keep_mass(matrix, 0.7)).nnz == 0
