"""Contributions add up to the score; literal marks; snippets keep within bounds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splade_cli.records import Term
from splade_cli.search.explain import (
    SNIPPET_CHARS,
    active_terms,
    is_literal,
    matched_spans,
    missing_terms,
    shared_terms,
    snippet,
    term_name,
)

VOCABULARY = ["reset", "##set", "Ġlogin", "▁code", "password", "saw"]
WEIGHTS = arrays(np.float32, 6, elements=st.integers(-6, 6).map(lambda number: number / 2))


def row(*weights: float) -> sp.csr_matrix:
    return sp.csr_matrix(np.array([weights], dtype=np.float32))


@given(WEIGHTS, WEIGHTS)
def test_contributions_add_up_to_the_score_largest_first(query: np.ndarray, document: np.ndarray) -> None:
    terms = shared_terms(row(*query), row(*document), VOCABULARY, "")
    assert sum(term.contribution for term in terms) == float(query @ document)
    assert [term.contribution for term in terms] == sorted((term.contribution for term in terms), reverse=True)
    assert {term.term for term in terms} == {
        VOCABULARY[place] for place in range(6) if query[place] != 0 and document[place] != 0
    }
    for term in terms:
        assert term.query_weight * term.document_weight == term.contribution
        assert term.query_weight == query[VOCABULARY.index(term.term)]
        assert term.document_weight == document[VOCABULARY.index(term.term)]


def test_shared_terms_of_one_pair() -> None:
    terms = shared_terms(row(1, 0, 2, 0, 0.5, 0), row(3, 1, 1, 0, 0, 9), VOCABULARY, "How to Reset it")
    assert terms == (Term("reset", 1.0, 3.0, 3.0, True), Term("Ġlogin", 2.0, 1.0, 2.0, False))


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
    ("term", "text", "literal"),
    [
        ("reset", "how to reset it", True),
        ("reset", "how to resets", True),
        ("set", "how to reset it", False),
        ("##set", "how to reset it", True),
        ("##set", "how to set it", False),
        ("##re", "reset", False),
        ("Ġlogin", "a login page", True),
        ("▁Login", "a login page", True),
        ("login", "a log in page", False),
        ("c++", "use c++ here", True),
        (".", "end. of", True),
        ("(", "a (b)", True),
        ("Ġ", "anything", False),
        ("", "anything", False),
        ("blåbær", "på blåbær", True),
        ("##", "a", False),
    ],
)
def test_literal_terms(term: str, text: str, literal: bool) -> None:
    assert is_literal(term, text) is literal


LONG = " ".join(f"filler{number}" for number in range(100))


def test_short_texts_are_whole_and_on_one_line() -> None:
    assert snippet("  a\n\n b\tc ", ["b"]) == "a b c"
    assert snippet("", ["b"]) == ""
    assert snippet("x" * SNIPPET_CHARS, []) == "x" * SNIPPET_CHARS


def test_a_snippet_shows_where_the_words_stand() -> None:
    text = f"{LONG} the Password was reset by login {LONG}"
    found = snippet(text, ["password", "##set", "Ġlogin"])
    assert "the Password was reset by login" in found
    assert found.startswith("… ")
    assert found.endswith(" …")


def test_the_place_with_most_words_wins() -> None:
    text = f"password {LONG} password reset login {LONG} reset"
    assert "password reset login" in snippet(text, ["password", "reset", "login"])


def test_without_a_word_it_is_the_beginning() -> None:
    assert snippet(LONG, ["absent"]).startswith("filler0 filler1")
    assert snippet(f"{LONG} password", ["password"]).endswith("password")


@given(
    st.text(st.sampled_from("ab åß\n.İ日"), max_size=900), st.lists(st.text("abå#Ġİ", max_size=5), max_size=4),
    st.integers(60, 300),
)  # fmt: skip
def test_snippets_keep_within_bounds_and_are_cut_from_the_text(text: str, words: list[str], length: int) -> None:
    found = snippet(text, words, length)
    assert len(found) <= length + len("… ") + len(" …")
    assert "\n" not in found
    assert found.removeprefix("… ").removesuffix(" …") in " ".join(text.split())


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta,", "(epsilon)"]), min_size=60, max_size=120))
def test_snippets_are_cut_at_words(pieces: list[str]) -> None:
    text = " ".join(pieces)
    shown = snippet(text, ["gamma"]).removeprefix("… ").removesuffix(" …")
    assert set(shown.split()) <= set(pieces)
    assert len(shown) > SNIPPET_CHARS / 2 - 20


def test_matched_spans() -> None:
    text = "Passwords: reset the pass; RESETTING"
    assert [text[start:end] for start, end in matched_spans(text, ["password", "reset", "th", "##e"])] == [
        "Passwords", "reset", "RESETTING"
    ]  # fmt: skip
    assert matched_spans(text, []) == []
