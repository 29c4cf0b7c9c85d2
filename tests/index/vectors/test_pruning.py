"""Pruning and saturation against loops over rows; two-step search against a full one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.engines.two_step import FILES, Steps, TwoStep, scored
from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.engine.postings import Postings
from splade_cli.index.vectors.pruning import Pruning, keep_mass, keep_share, keep_top, saturated

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


@settings(max_examples=100, deadline=None)
@given(rows=MATRICES, share=st.sampled_from([0.01, 0.3, 0.5, 1.0]))
def test_share_of_all_weights(rows: list[list[float]], share: float) -> None:
    matrix = csr(rows)
    found = keep_share(matrix, share)
    wanted = int(np.ceil(share * matrix.nnz))
    if wanted:
        floor = np.sort(np.abs(matrix.data))[-wanted]
        np.testing.assert_array_equal(
            found.toarray(), np.where(abs(matrix.toarray()) >= floor, matrix.toarray(), 0)
        )
    else:
        assert found.nnz == 0


def test_saturation_keeps_order_sign_and_one() -> None:
    found = saturated(csr([[0.5, 1, 4, 100, -4]]), 2).toarray()[0]
    np.testing.assert_allclose(found, [3 * 0.5 / 2.5, 1, 2, 300 / 102, -2], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: keep_top(v, 0), "prune-terms must be above 0"),
        (lambda v: keep_mass(v, 0), "share must be above 0 and at most 1, got 0"),
        (lambda v: keep_share(v, 1.1), "at most 1, got 1.1"),
        (lambda v: Pruning(terms=0), "prune-terms must be above 0"),
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
        keep_share(matrix, 0.5),
        Pruning(3, 0.5).applied(matrix),
    ):
        result.data[:] = 7
    assert (matrix != before).nnz == 0


def test_what_an_index_leaves_out() -> None:
    matrix = random_vectors(20, 30, 8, 0)
    assert Pruning().applied(matrix) is matrix
    assert (Pruning(5, 0.7).applied(matrix) != keep_mass(keep_top(matrix, 5), 0.7)).nnz == 0
    assert (Pruning(mass=0.7).applied(matrix) != keep_mass(matrix, 0.7)).nnz == 0


# ---------------------------------------------------------------- two steps


def test_candidates_are_scored_as_the_engine_scores_them_to_the_bit() -> None:
    vectors, queries = random_vectors(400, 200, 60, 1), random_vectors(20, 200, 30, 2)
    numbers, scores = Postings.build(vectors).search(queries, 50)
    generator = np.random.default_rng(0)
    shuffled = generator.permuted(numbers, axis=1)
    shuffled[:, 40:] = np.where(generator.random((20, 10)) < 0.5, -1, shuffled[:, 40:])
    found = scored(vectors, queries, generator.permuted(numbers, axis=1), 50)
    np.testing.assert_array_equal(found[0], numbers)
    np.testing.assert_array_equal(found[1], scores)
    few = scored(vectors, queries, shuffled, 60)
    for place in range(20):
        kept = [int(row) for row in numbers[place] if row in shuffled[place]]
        assert few[0][place].tolist() == kept + [-1] * (60 - len(kept))


def test_a_candidate_without_a_shared_term_is_no_result() -> None:
    vectors = csr([[1, 0], [0, 1], [0, 0], [2, -2]])
    numbers, scores = scored(vectors, csr([[1, 0], [0, 0], [1, 1]]), np.array([[2, 1, 0, 3]] * 3), 3)
    assert numbers.tolist() == [[3, 0, -1], [-1, -1, -1], [0, 1, 3]]
    assert scores[2].tolist() == [1, 1, 0] and scores[0, 2] == -np.inf


@pytest.mark.parametrize("k1", [None, 1.0])
def test_two_steps_with_all_terms_and_candidates_are_a_full_search(k1: float | None) -> None:
    vectors, queries = random_vectors(300, 150, 40, 3), random_vectors(10, 150, 20, 4)
    engine = TwoStep.build(vectors, Steps(1000, None, 300, k1))
    for expected, found in zip(
        Postings.build(vectors).search(queries, 25), engine.search(queries, 25), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_two_steps_find_most_of_the_best_and_score_them_exactly() -> None:
    vectors, queries = random_vectors(2000, 400, 60, 5), random_vectors(30, 400, 20, 6)
    engine = TwoStep.build(vectors, Steps(30, 10, 100, 1.0))
    exact, exact_scores = Postings.build(vectors).search(queries, 10)
    found, scores = engine.search(queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)])
    assert 0.7 < recall <= 1
    dense = queries.toarray() @ vectors.toarray().T
    np.testing.assert_allclose(scores, np.take_along_axis(dense, found, axis=1), rtol=1e-5)
    assert np.all(np.diff(scores, axis=1) <= 0) and scores[0, 0] <= exact_scores[0, 0]


def test_two_steps_obey_a_mask_and_refuse_other_widths() -> None:
    vectors, queries = random_vectors(200, 100, 20, 7), random_vectors(5, 100, 10, 8)
    allowed = np.arange(200) % 3 == 0
    numbers, _ = TwoStep.build(vectors, Steps()).search(queries, 10, allowed=allowed)
    assert allowed[numbers[numbers >= 0]].all() and (numbers >= 0).any()
    with pytest.raises(InputError, match="queries have 99 dimensions"):
        TwoStep.build(vectors, Steps()).search(queries[:, :99], 10)
    with pytest.raises(InputError, match="queries have 99 dimensions"):
        scored(vectors, queries[:, :99], numbers, 10)


def test_written_and_opened_again(tmp_path: Path) -> None:
    vectors, queries = random_vectors(200, 100, 20, 7), random_vectors(5, 100, 10, 8)
    steps = Steps(8, 6, 20, None)
    TwoStep.write(tmp_path, [vectors[:150], vectors[150:]], 100, steps)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(FILES)
    opened = TwoStep.open(tmp_path, vectors)
    assert opened.steps == steps
    for expected, found in zip(
        TwoStep.build(vectors, steps).search(queries, 9), opened.search(queries, 9), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(IndexFolderError, match="first step has shape"):
        TwoStep.open(tmp_path, vectors[:100])
    (tmp_path / "two-step" / "steps.json").write_text('{"terms": 3}')
    with pytest.raises(IndexFolderError, match=r"steps\.json"):
        TwoStep.open(tmp_path, vectors)
