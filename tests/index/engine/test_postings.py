"""The exact engine against a dense product, over shapes, ties, masks, signs and k, in memory and on disk."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.engine.arrays import DTYPES
from splade_cli.index.engine.masks import find_allowed
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.postings_file import open_postings, write_postings
from splade_cli.index.index import SpladeIndex


def matrix(
    rows: int, dimensions: int, density: float, seed: int, levels: int = 8, signed: bool = False
) -> Any:
    """Random CSR whose weights are eighths, so that float32 products and sums are exact and many scores are
    equal."""
    dice = np.random.default_rng(seed)
    made = sp.random(rows, dimensions, density=density, format="csr", dtype=np.float32, random_state=dice)
    made.data = (dice.integers(1, levels + 1, made.nnz) / 8).astype(np.float32)
    if signed:
        made.data *= dice.choice(np.array([-1, 1], dtype=np.float32), made.nnz)
    return made


def expected(
    vectors: Any, queries: Any, k: int, allowed: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The same by a dense product and a full sort."""
    scores = (queries.astype(np.float64) @ vectors.T.astype(np.float64)).toarray()
    met = (abs(queries.sign()) @ abs(vectors.sign()).T).toarray() > 0
    if allowed is not None:
        met &= allowed
    numbers = np.full((queries.shape[0], k), -1, dtype=np.int64)
    found = np.full((queries.shape[0], k), -np.inf, dtype=np.float32)
    for query in range(queries.shape[0]):
        rows = np.flatnonzero(met[query])
        best = rows[np.lexsort((rows, -scores[query, rows]))[:k]]
        numbers[query, : len(best)], found[query, : len(best)] = best, scores[query, best]
    return numbers, found


def same(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


def plain(postings: Postings) -> Postings:
    """The same index without the rows' vectors, so that every posting is added up."""
    return dataclasses.replace(postings, vectors=tuple(part[:0] for part in postings.vectors))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(0, 200),
    dimensions=st.integers(1, 40),
    density=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    k=st.integers(1, 250),
    signs=st.sampled_from([(False, False), (True, False), (False, True), (True, True)]),
    mask=st.sampled_from([None, 0.0, 0.1, 0.9]),
    seed=st.integers(0, 10_000),
)
def test_equals_a_dense_product(
    rows: int,
    dimensions: int,
    density: float,
    k: int,
    signs: tuple[bool, bool],
    mask: float | None,
    seed: int,
) -> None:
    vectors = matrix(rows, dimensions, density, seed, signed=signs[0])
    queries = matrix(4, dimensions, 0.3, seed + 1, signed=signs[1])
    allowed = None if mask is None else np.random.default_rng(seed).random(rows) < mask
    found = Postings.build(vectors).search(queries, k, allowed=allowed)
    assert same(found, expected(vectors, queries, k, allowed))


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(15_000, 16_000),
    density=st.sampled_from([0.02, 0.1, 0.4]),
    levels=st.sampled_from([1, 3, 1000]),
    k=st.integers(1, 2),  # bounds are used for k = 1
    mask=st.sampled_from([None, 0.001, 0.5, 0.99]),
    seed=st.integers(0, 10_000),
)
def test_bounds_and_adding_up_agree_with_a_dense_product(
    rows: int, density: float, levels: int, k: int, mask: float | None, seed: int
) -> None:
    vectors, queries = matrix(rows, 60, density, seed, levels), matrix(6, 60, 0.2, seed + 1, levels)
    allowed = None if mask is None else np.random.default_rng(seed).random(rows) < mask
    postings = Postings.build(vectors)
    found = postings.search(queries, k, allowed=allowed)
    assert same(found, expected(vectors, queries, k, allowed))
    assert same(found, plain(postings).search(queries, k, allowed=allowed))


@pytest.fixture(scope="module")
def large() -> tuple[Any, Any]:
    """140,000 rows (three blocks) of skewed terms and weights without nice fractions."""
    dice = np.random.default_rng(5)
    lengths = dice.integers(1, 12, 140_000)
    terms = np.minimum(dice.zipf(1.3, lengths.sum()), 3000) - 1
    owner = np.repeat(np.arange(140_000), lengths)
    vectors = sp.csr_matrix(
        (dice.gamma(2.0, 0.5, len(terms)).astype(np.float32), (owner, terms)), shape=(140_000, 3000)
    )
    vectors.sum_duplicates()
    picked = vectors[dice.choice(140_000, 12, replace=False)]
    return vectors, sp.csr_matrix(picked + vectors[dice.choice(140_000, 12, replace=False)])


@pytest.mark.parametrize("k", [1, 9, 28, 1000])
@pytest.mark.parametrize("share", [None, 0.02, 0.95])
def test_ways_agree_to_the_bit_over_several_blocks(
    large: tuple[Any, Any], k: int, share: float | None
) -> None:
    vectors, queries = large
    allowed = None if share is None else np.random.default_rng(1).random(vectors.shape[0]) < share
    postings = Postings.build(vectors)
    numbers, scores = postings.search(queries, k, allowed=allowed)
    assert same((numbers, scores), plain(postings).search(queries, k, allowed=allowed))
    dense = (queries @ vectors.T).toarray()
    if allowed is not None:
        dense[:, ~allowed] = 0
    best = -np.sort(-dense, axis=1)[:, :k]
    np.testing.assert_allclose(np.where(numbers >= 0, scores, 0), best, rtol=2e-6)
    ordered = (np.diff(scores) < 0) | ((np.diff(scores) == 0) & (np.diff(numbers) > 0)) | (numbers[:, 1:] < 0)
    assert ordered.all()


def test_flat_weights_give_the_first_rows() -> None:
    vectors = sp.csr_matrix(np.ones((70_000, 3), dtype=np.float32))
    numbers, scores = Postings.build(vectors).search(vectors[:1], 7)
    assert numbers.tolist() == [list(range(7))] and scores.tolist() == [[3.0] * 7]


def write(path: Path, parts: Iterable[Any], dimensions: int) -> Path:
    with ContainerWriter(path) as out:
        write_postings(out, "p.", parts, dimensions)
    return path


def test_written_in_parts_and_opened_is_the_same(large: tuple[Any, Any], tmp_path: Path) -> None:
    vectors, queries = large
    built = Postings.build(vectors)
    cuts = [0, 1, 40_000, 40_000, 106_000, 139_999, 140_000]
    parts = (vectors[a:b] for a, b in itertools.pairwise(cuts))
    container = Container(write(tmp_path / "postings", parts, vectors.shape[1]))
    assert sorted(container.names) == sorted(f"p.{name}" for name in DTYPES)
    opened = open_postings(container, "p.")
    assert opened.shape == vectors.shape and not len(opened.vectors[0])
    assert all(np.array_equal(built.arrays[name], opened.arrays[name]) for name in built.arrays)
    assert same(opened.search(queries, 10), built.search(queries, 10))
    rows = (vectors.indptr.astype(np.int64), vectors.indices, vectors.data)
    with_vectors = open_postings(container, "p.", rows)
    assert len(with_vectors.vectors[2]) == vectors.nnz and not with_vectors.vectors[2].flags.owndata
    assert same(with_vectors.search(queries, 10), built.search(queries, 10))
    with pytest.raises(IndexFolderError, match="do not fit"):
        open_postings(container, "p.", (*rows[:2], vectors.data[1:]))
    with pytest.raises(IndexFolderError, match="other types"):
        open_postings(container, "p.", (*rows[:2], vectors.data.astype(np.float64)))


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("damage", ["shorter", "gone", "type"])
def test_damaged_tensors_are_refused(name: str, damage: str, tmp_path: Path) -> None:
    whole = Container(write(tmp_path / "whole", [matrix(3000, 50, 0.2, 1)], 50))
    with ContainerWriter(tmp_path / "damaged") as out:
        for each in whole.names:
            values = whole.tensor(each)
            if each != f"p.{name}":
                out.add(each, values)
            elif damage == "shorter":
                out.add(each, values[:-1])
            elif damage == "type":
                out.add(each, values.astype(np.uint64))
    message = "do not fit" if damage == "shorter" else f"p.{name} "
    with pytest.raises(IndexFolderError, match=message):
        open_postings(Container(tmp_path / "damaged"), "p.")


def test_one_document_no_document_no_match(tmp_path: Path) -> None:
    one = sp.csr_matrix(np.array([[0, 2, 0]], dtype=np.float32))
    numbers, scores = Postings.build(one).search(
        sp.csr_matrix(np.array([[0, 3, 0], [1, 0, 0]], dtype=np.float32)), 3
    )
    assert numbers.tolist() == [[0, -1, -1], [-1, -1, -1]]
    assert scores[0, 0] == 6 and np.isneginf(scores[0, 1:]).all() and np.isneginf(scores[1]).all()
    nothing = open_postings(Container(write(tmp_path / "postings", [], 3)), "p.")
    assert nothing.shape == (0, 3) and (nothing.search(one, 2)[0] == -1).all()
    assert Postings.build(one).search(sp.csr_matrix((0, 3), dtype=np.float32), 2)[0].shape == (0, 2)


def test_a_negative_row_is_a_result_and_a_stranger_is_not() -> None:
    vectors = sp.csr_matrix(np.array([[1, 0], [-1, 0], [0, 1], [2, -2]], dtype=np.float32))
    numbers, scores = Postings.build(vectors).search(
        sp.csr_matrix(np.array([[1, 0], [1, 1]], dtype=np.float32)), 4
    )
    assert numbers.tolist() == [[3, 0, 1, -1], [0, 2, 3, 1]]
    assert scores.tolist() == [[2, 1, -1, -np.inf], [1, 1, 0, -1]]


def test_products_that_round_to_zero_still_count_as_shared() -> None:
    vectors = sp.csr_matrix(np.array([[1e-30], [1e-25], [0]], dtype=np.float32))
    assert Postings.build(vectors).search(vectors[:1], 3)[0].tolist() == [[0, 1, -1]]


def test_four_million_dimensions_and_long_vectors() -> None:
    dice = np.random.default_rng(3)
    terms = dice.integers(0, 4_000_000, (300, 242))
    vectors = sp.csr_matrix((np.ones(terms.size) / 8, (np.repeat(np.arange(300), 242), terms.ravel())))
    vectors = sp.csr_matrix(vectors, shape=(300, 4_000_000), dtype=np.float32)
    queries = sp.csr_matrix(
        sp.vstack([vectors[7], vectors[:5].sum(axis=0), vectors[3, :].multiply(vectors[3, :])])
    )
    queries = queries.astype(np.float32)
    assert queries[1].nnz > 1000
    postings = Postings.build(vectors)
    assert sum(array.nbytes for array in postings.arrays.values()) < 8 * 8 * vectors.nnz
    assert same(postings.search(queries, 10), expected(vectors, queries, 10))


def test_terms_of_one_hash_are_told_apart() -> None:
    """Each query holds half the rare terms of a row and thirty others, so the row's other half meets the hash
    table."""
    dice = np.random.default_rng(4)
    terms = np.hstack([np.tile(np.arange(20), (15_500, 1)), 20 + dice.integers(0, 3_000_000, (15_500, 30))])
    weights = np.hstack([dice.gamma(1.0, 1.0, (15_500, 20)) + 0.01, np.ones((15_500, 30))]).astype(np.float32)
    owner = np.repeat(np.arange(15_500), 50)
    vectors = sp.csr_matrix((weights.ravel(), (owner, terms.ravel())), shape=(15_500, 4_000_000))
    asked = np.hstack([terms[:60, :35], dice.integers(3_100_000, 4_000_000, (60, 30))])
    ones = np.ones(asked.size, dtype=np.float32)
    queries = sp.csr_matrix((ones, (np.repeat(np.arange(60), 65), asked.ravel())), shape=(60, 4_000_000))
    postings = Postings.build(vectors)
    assert same(postings.search(queries, 1), plain(postings).search(queries, 1))


def test_copies_of_the_best_row_come_in_row_order() -> None:
    dice = np.random.default_rng(8)
    vectors = matrix(60_000, 300, 0.03, 8, levels=1000).tolil()
    for row in range(20):
        for copy in dice.choice(60_000, 6, replace=False):
            vectors[copy] = vectors[row]
    vectors = sp.csr_matrix(vectors)
    postings = Postings.build(vectors)
    for k in (1, 3):
        assert same(postings.search(vectors[:20], k), expected(vectors, vectors[:20], k))


def test_a_block_may_go_over_from_bounds_to_adding_up() -> None:
    """Forty groups promise 8 by two rows of 5; three of them hold an 8. All others hold a 6, as they
    promise."""
    dense = np.full((63_000, 2), 3, dtype=np.float32)
    for group in range(40):
        dense[1500 * group : 1500 * group + 4] = [[4, 1], [1, 4], [1, 1], [1, 1]]
    dense[[2, 30_002, 58_502]] = 4
    query = sp.csr_matrix(np.ones((1, 2), dtype=np.float32))
    numbers, scores = Postings.build(sp.csr_matrix(dense)).search(query, 4)
    assert numbers.tolist() == [[2, 30_002, 58_502, 4]] and scores.tolist() == [[8, 8, 8, 6]]


def test_input_out_of_order_is_put_in_order_and_left_alone() -> None:
    data, indices = np.array([1, 2, 0, 4], dtype=np.float32), np.array([2, 0, 1, 2])
    vectors = sp.csr_matrix((data, indices, np.array([0, 4])), shape=(1, 3))
    query = sp.csr_matrix(np.array([[1, 1, 1]], dtype=np.float32))
    assert Postings.build(vectors).search(query, 1)[1].tolist() == [[7.0]]
    assert (
        Postings.build(vectors).search(sp.csr_matrix(np.array([[0, 1, 0]], dtype=np.float32)), 1)[0][0, 0]
        == -1
    )
    assert vectors.indices.tolist() == [2, 0, 1, 2] and vectors.data.flags.writeable


def test_threads_change_nothing(large: tuple[Any, Any]) -> None:
    vectors, queries = large
    postings = Postings.build(vectors)
    many = sp.vstack([queries] * 5, format="csr")
    assert same(postings.search(many, 5, threads=1), postings.search(many, 5, threads=3))


def test_wrong_input_is_named() -> None:
    postings = Postings.build(matrix(5, 4, 0.5, 1))
    with pytest.raises(InputError, match="3 dimensions"):
        postings.search(matrix(1, 3, 1, 1), 1)
    with pytest.raises(InputError, match="above 0"):
        postings.search(matrix(1, 4, 1, 1), 0)
    with pytest.raises(InputError, match="mask"):
        postings.search(matrix(1, 4, 1, 1), 1, allowed=np.ones(4, dtype=bool))
    with pytest.raises(InputError, match="finite"):
        Postings.build(sp.csr_matrix(np.array([[np.nan]], dtype=np.float32)))


def test_importing_and_opening_are_light(tmp_path: Path) -> None:
    """Numba takes half a second: it waits for the first search."""
    SpladeIndex.from_vectors(matrix(9, 5, 0.5, 1), texts=["a text"] * 9, language="english").save(
        tmp_path / "i"
    )
    code = (
        "import sys; from splade_cli.index.index import SpladeIndex; "
        f"index = SpladeIndex.open({str(tmp_path / 'i')!r}); print(len(index), 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["9", "False"]


@pytest.mark.parametrize("rows", [1, 7, 64, 255, 256, 257, 5000, 70_001])
@pytest.mark.parametrize("share", [0.0, 0.0005, 0.02, 1.0])
def test_few_rows_that_a_mask_allows_are_all_found(rows: int, share: float) -> None:
    allowed = (np.random.default_rng(rows).random(rows) < share).astype(np.uint8)
    allowed[-1] = share > 0
    for first in (0, 8 * (rows // 16)):
        wanted = np.flatnonzero(allowed[first:]) + first
        found = np.empty(rows + 8, dtype=np.int64)
        assert find_allowed(allowed, first, rows, rows, found) == len(wanted)
        np.testing.assert_array_equal(found[: len(wanted)], wanted)
        if len(wanted) > 1:
            assert find_allowed(allowed, first, rows, len(wanted) - 1, found) == -1


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.02])
def test_many_allowed_rows_are_told_from_a_sample_and_few_that_lie_together_are_not(share: float) -> None:
    """Few: one of 1024 rows, here in one of the stretches that are looked at."""
    rows = 1 << 18
    few = rows // 1024
    scattered = (np.random.default_rng(3).random(rows) < share).astype(np.uint8)
    found = np.empty(rows + 8, dtype=np.int64)
    count = find_allowed(scattered, 0, rows, few, found)
    assert count == (-1 if share > 1 / 1024 else scattered.sum())
    together = np.zeros(rows, dtype=np.uint8)
    together[:few] = 1
    assert find_allowed(together, 0, rows, few, found) == few
