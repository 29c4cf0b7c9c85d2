"""Two-step search against a full one, and as an engine of an index folder that nobody writes into."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.two_step import Steps, TwoStep, TwoStepEngine, parse_steps, score_candidates
from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.engine.postings import Postings
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk


def csr(rows: list[list[float]]) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(rows, dtype=np.float32))


def random_vectors(rows: int, dimensions: int, terms: int, seed: int) -> sp.csr_matrix:
    generator = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, dimensions + 1)
    dense = np.zeros((rows, dimensions), dtype=np.float32)
    for row in dense:
        chosen = generator.choice(dimensions, terms, False, popularity / popularity.sum())
        row[chosen] = generator.lognormal(0, 0.6, terms)
    return sp.csr_matrix(dense)


def test_candidates_are_scored_as_the_engine_scores_them_to_the_bit() -> None:
    vectors, queries = random_vectors(400, 200, 60, 1), random_vectors(20, 200, 30, 2)
    numbers, scores = Postings.build(vectors).search(queries, 50)
    generator = np.random.default_rng(0)
    shuffled = generator.permuted(numbers, axis=1)
    shuffled[:, 40:] = np.where(generator.random((20, 10)) < 0.5, -1, shuffled[:, 40:])
    found = score_candidates(vectors, queries, generator.permuted(numbers, axis=1), 50)
    np.testing.assert_array_equal(found[0], numbers)
    np.testing.assert_array_equal(found[1], scores)
    few = score_candidates(vectors, queries, shuffled, 60)
    for place in range(20):
        kept = [int(row) for row in numbers[place] if row in shuffled[place]]
        assert few[0][place].tolist() == kept + [-1] * (60 - len(kept))


def test_a_candidate_without_a_shared_term_is_no_result() -> None:
    vectors = csr([[1, 0], [0, 1], [0, 0], [2, -2]])
    numbers, scores = score_candidates(
        vectors, csr([[1, 0], [0, 0], [1, 1]]), np.array([[2, 1, 0, 3]] * 3), 3
    )
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
        score_candidates(vectors, queries[:, :99], numbers, 10)


def test_a_first_step_of_other_vectors_is_refused() -> None:
    vectors = random_vectors(200, 100, 20, 7)
    with pytest.raises(IndexFolderError, match="first step has shape"):
        TwoStep(Postings.build(vectors), vectors[:100], Steps())


# ---------------------------------------------------------------- as an engine of an index


VECTORS = random_vectors(120, 60, 12, 9)
QUERIES = random_vectors(6, 60, 6, 10)
CHUNKS = [Chunk(f"c{row}", f"c{row}", "", metadata={"row": row}) for row in range(120)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SpladeIndex.from_vectors(VECTORS, chunks=CHUNKS).save(tmp_path / "index")
    return tmp_path / "index"


def test_an_engine_gives_ids_of_texts_that_pass_and_are_not_deleted(folder: Path) -> None:
    with IndexWriter(folder) as writer:
        writer.delete(writer.rows_of(["c3", "c40"]))
    index = SpladeIndex.open(folder)
    engine = TwoStepEngine.open(index, "two-step=60:0")
    assert "exact" not in engine.capabilities
    late = parse_filter("row >= 50")
    for filter in (None, late):
        allowed = np.ones(120, dtype=bool) if filter is None else np.arange(120) >= 50
        rows, _ = index.search_rows(QUERIES, 5, allowed=allowed)
        expected = [[f"c{row}" for row in line if row >= 0] for line in rows.tolist()]
        assert engine.search(QUERIES, 5, filter).ids == expected


def test_many_threads_open_one_folder_and_leave_it_as_it_was(folder: Path) -> None:
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    index = SpladeIndex.open(folder)
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(lambda _: TwoStepEngine.open(index, "two-step=8:6"), range(8)))
    rankings = [engine.search(QUERIES, 3).ids for engine in engines]
    assert rankings == [rankings[0]] * 8 and all(rankings[0])
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


def test_settings() -> None:
    assert parse_steps("8:6") == Steps(8, 6)
    assert parse_steps("8") == parse_steps("8:0") == Steps(8, None)
    index = SpladeIndex.from_vectors(VECTORS)
    with pytest.raises(InputError, match="unknown backend 'two-stop'") as error:
        TwoStepEngine.open(index, "two-stop")
    assert error.value.hint == "did you mean 'two-step'?"
    for setting in ("0:3", "x", "3:y", "-3"):
        with pytest.raises(InputError, match=r"takes D:Q terms"):
            TwoStepEngine.open(index, f"two-step={setting}")
