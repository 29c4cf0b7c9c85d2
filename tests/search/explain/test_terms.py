"""Contributions add up to the score, gaps to the difference; where terms are literal; ids that were meant."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splade_cli.records import Hit, Term
from splade_cli.search.explain.terms import (
    QueryTerms,
    active_terms,
    closest_id,
    gaps,
    held_against,
    missing_terms,
    origins,
    term_name,
)

VOCABULARY = ["reset", "##set", "Ġlogin", "▁code", "password", "saw"]
WEIGHTS = arrays(np.float32, 6, elements=st.integers(-6, 6).map(lambda number: number / 2))


def row(*weights: float) -> sp.csr_matrix:
    return sp.csr_matrix(np.array([weights], dtype=np.float32))


def shared(query: sp.csr_matrix, *documents: sp.csr_matrix) -> list[tuple[Term, ...]]:
    found = QueryTerms(query, VOCABULARY).shared([(each.indices, each.data) for each in documents])
    return [tuple(Term(*term, False) for term in terms) for terms in found]


def hit(name: str, *terms: Term, text: str = "", title: str = "", rank: int = 1) -> Hit:
    return Hit(name, rank, sum(term.contribution for term in terms), text, title=title, terms=terms)


@given(WEIGHTS, WEIGHTS)
def test_contributions_add_up_to_the_score_largest_first(query: np.ndarray, document: np.ndarray) -> None:
    (terms,) = shared(row(*query), row(*document))
    assert sum(term.contribution for term in terms) == float(query @ document)
    assert [term.contribution for term in terms] == sorted(
        (term.contribution for term in terms), reverse=True
    )
    assert {term.term for term in terms} == {
        VOCABULARY[place] for place in range(6) if query[place] != 0 and document[place] != 0
    }
    for term in terms:
        assert term.query_weight * term.document_weight == term.contribution
        assert term.query_weight == query[VOCABULARY.index(term.term)]
        assert term.document_weight == document[VOCABULARY.index(term.term)]


@given(WEIGHTS, WEIGHTS, WEIGHTS)
def test_gaps_add_up_to_the_difference_of_the_scores(
    query: np.ndarray, one: np.ndarray, two: np.ndarray
) -> None:
    first, second = (
        hit(name, *shared(row(*query), row(*vector))[0]) for name, vector in (("a", one), ("b", two))
    )
    found = gaps(first, second)
    assert sum(gap.difference for gap in found) == float(query @ one) - float(query @ two)
    assert [gap.difference for gap in found] == sorted((gap.difference for gap in found), reverse=True)
    assert len({gap.term for gap in found}) == len(found)


def test_shared_terms_of_several_documents() -> None:
    documents = [row(0, 0, 0, 0, 0, 1), row(3, 1, 1, 0, 0, 9), row(0, 0, 0, 0, 0, 0), row(0, 0, 2, 0, 8, 0)]
    assert shared(row(1, 0, 2, 0, 0.5, 0), *documents) == [
        (),
        (Term("reset", 1.0, 3.0, 3.0, False), Term("Ġlogin", 2.0, 1.0, 2.0, False)),
        (),
        (Term("Ġlogin", 2.0, 2.0, 4.0, False), Term("password", 0.5, 8.0, 4.0, False)),
    ]
    assert shared(row(1, 0, 0, 0, 0, 0)) == []
    assert shared(row(0, 0, 0, 0, 0, 0), *documents) == [()] * 4


def test_the_four_origins() -> None:
    terms = [
        Term("kiln", 1, 1, 1, True, True),
        Term("hot", 1, 1, 1, True, False),
        Term("clay", 1, 1, 1, False, True),
        Term("oven", 1, 1, 1, False, False),
    ]
    assert origins(terms) == ("both", "query", "document", "model")
    assert origins(()) == ()


def test_what_a_hit_lost_to() -> None:
    shown = [hit(name, rank=rank) for rank, name in enumerate("abc", 1)]
    assert held_against(shown, shown[0]) is None
    assert held_against(shown, shown[2]) is shown[1]
    assert held_against(shown, hit("z")) is shown[2]
    assert held_against([], hit("z")) is None


def test_active_and_missing_terms() -> None:
    query, document = row(1, 0, 2, 0, 0.5, 0), row(3, 1, 0, 0, 0, 9)
    assert active_terms(document, VOCABULARY) == [("saw", 9.0), ("reset", 3.0), ("##set", 1.0)]
    assert active_terms(document, VOCABULARY, 1) == [("saw", 9.0)]
    assert active_terms(row(0, 0), VOCABULARY) == []
    assert missing_terms(query, document, VOCABULARY) == [("Ġlogin", 2.0), ("password", 0.5)]
    assert missing_terms(query, query, VOCABULARY) == []


def test_columns_without_a_name_go_by_number() -> None:
    assert term_name(["a"], 0) == "a"
    assert term_name(["a"], 1) == "[1]"
    assert active_terms(row(0, 2), []) == [("[1]", 2.0)]


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("kiln", "did you mean 'docs/kiln.md'?"),
        ("KILN.MD", "did you mean 'docs/kiln.md'?"),
        ("docs/klin.md", "did you mean 'docs/kiln.md'?"),
        ("docs/lom.txt", "did you mean 'docs/loom.txt'?"),
        ("zzzz", ""),
        ("", ""),
    ],
)
def test_the_id_that_was_meant(wanted: str, hint: str) -> None:
    assert closest_id(wanted, ["docs/kiln.md", "docs/loom.txt"]) == hint
    assert closest_id(wanted, []) == ""
