"""Frequent terms against counts made the obvious way; what kind they are and what they cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.search.explain.frequent_terms import FrequentTermReport, frequent_terms
from splade_cli.search.explain.literal_terms import TermMatcher

VOCABULARY = ("the", ".", "##ing", "kiln", "7", "oven")
MATCHER = TermMatcher()
MATRIX = arrays(np.float32, (7, 6), elements=st.integers(-2, 6).map(lambda number: number / 2))


def report_of(index: SpladeIndex, above: float = 0.2) -> FrequentTermReport:
    return frequent_terms(LocalEngine(index), index.vocabulary, MATCHER, above)


@given(MATRIX, st.sampled_from([0.0, 0.2, 0.5, 0.99]))
def test_against_dense_counts(matrix: np.ndarray, above: float) -> None:
    report = report_of(SpladeIndex.from_vectors(sp.csr_matrix(matrix), vocabulary=VOCABULARY), above)
    active = matrix != 0
    counts, whole, mass = active.sum(0), max(1, active.sum()), np.abs(matrix).sum() or 1.0
    frequent = [column for column in range(6) if counts[column] > above * 7]
    assert [term.term for term in report.terms] == [
        VOCABULARY[column] for column in sorted(frequent, key=lambda column: (-counts[column], column))
    ]
    for term in report.terms:
        column = VOCABULARY.index(term.term)
        assert term.documents == pytest.approx(counts[column] / 7)
        assert term.postings == pytest.approx(counts[column] / whole)
        assert term.mean_weight == pytest.approx(matrix[active[:, column], column].mean())
        assert term.mass == pytest.approx(np.abs(matrix[:, column]).sum() / mass)
    assert (report.rows, report.active, report.above) == (7, int((counts > 0).sum()), above)
    assert report.postings == pytest.approx(counts[frequent].sum() / whole)
    assert report.mass == pytest.approx(np.abs(matrix[:, frequent]).sum() / mass)


TEXTS = [
    "The kiln is hot.", "The kiln and the clay.", "The firing of clay.", "The glaze on the pot.", "Wool.",
]  # fmt: skip


@pytest.fixture
def index() -> SpladeIndex:
    weights = np.array(
        [
            [1, 1, 0, 2, 0, 1],
            [1, 1, 0, 2, 0, 1],
            [1, 1, 1, 0, 0, 4],
            [1, 1, 0, 0, 3, 2],
            [0, 0, 0, 0, 0, 0.5],
        ],
        dtype=np.float32,
    )
    names = [f"d{number}" for number in range(5)]
    return SpladeIndex.from_vectors(sp.csr_matrix(weights), names, TEXTS, vocabulary=VOCABULARY)


def test_kinds_and_what_the_model_added(index: SpladeIndex) -> None:
    terms = {term.term: term for term in report_of(index, 0.1).terms}
    assert {name: term.kind for name, term in terms.items()} == {
        "the": "stop word", ".": "sign", "##ing": "piece", "kiln": "word", "7": "number", "oven": "word",
    }  # fmt: skip
    assert {name: term.added for name, term in terms.items()} == {
        "the": 0.0, ".": 0.0, "##ing": 1.0, "kiln": 0.0, "7": 1.0, "oven": 1.0,
    }  # fmt: skip


def test_the_example_is_where_it_was_added_and_weighs_most(index: SpladeIndex) -> None:
    terms = {term.term: term for term in report_of(index, 0.1).terms}
    assert (terms["oven"].example_id, terms["oven"].example) == ("d2", TEXTS[2])
    assert terms["kiln"].example_id == "d0"


def test_deleted_rows_do_not_count(index: SpladeIndex, tmp_path: Path) -> None:
    whole = {term.term: term.documents for term in report_of(index, 0.5).terms}
    index.segments[0].alive = np.array([False, True, True, True, True])
    index.__dict__.pop("alive", None)
    fewer = report_of(index, 0.5)
    assert fewer.rows == 4
    assert (whole["the"], {term.term: term.documents for term in fewer.terms}["the"]) == (0.8, 0.75)
    assert all(term.example_id != "d0" for term in fewer.terms)


def test_without_names_texts_or_rows() -> None:
    matrix = sp.csr_matrix(np.ones((3, 2), dtype=np.float32))
    report = report_of(SpladeIndex.from_vectors(matrix), 0.2)
    assert [(term.term, term.kind, term.added, term.example) for term in report.terms] == [
        ("[0]", "latent", None, ""), ("[1]", "latent", None, ""),
    ]  # fmt: skip
    nothing = report_of(SpladeIndex.from_vectors(sp.csr_matrix((0, 2), dtype=np.float32)), 0.2)
    assert (nothing.rows, nothing.terms, nothing.postings) == (0, (), 0.0)


@pytest.mark.parametrize("above", [-0.1, 1.0, 20.0, float("nan")])
def test_shares_that_are_none(index: SpladeIndex, above: float) -> None:
    with pytest.raises(InputError, match="must be from 0 to 1"):
        report_of(index, above)
