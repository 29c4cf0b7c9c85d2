"""Snippets show where the words stand, keep within their columns, and cut nothing in two."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from splade_cli.search.explain import snippets
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.explain.snippets import SNIPPET_COLUMNS, columns
from splade_cli.search.explain.sought_terms import MatchedWord
from splade_cli.search.explain.unmarked import on_one_line

LONG = " ".join(f"filler{number}" for number in range(100))
JAPANESE = "本日は晴天なり。" * 60


MATCHER = TermMatcher()


def made(text: str, terms: list[str], length: int = SNIPPET_COLUMNS) -> snippets.Snippet:
    line = on_one_line(text)
    return snippets.snippet(line, MATCHER.words(line, terms), length)


def snippet(text: str, terms: list[str], length: int = SNIPPET_COLUMNS) -> str:
    return made(text, terms, length).text


def test_short_texts_are_whole_and_on_one_line() -> None:
    assert snippet("  a\n\n b\tc ", ["b"]) == "a b c"
    assert snippet("", ["b"]) == ""
    assert snippet("x" * SNIPPET_COLUMNS, []) == "x" * SNIPPET_COLUMNS


def test_it_shows_where_the_words_stand() -> None:
    found = snippet(f"{LONG} the Password was reset by login {LONG}", ["password", "##set", "Ġlogin"])
    assert "the Password was reset by login" in found
    assert found.startswith("… ")
    assert found.endswith(" …")


def test_the_place_with_most_different_words_wins() -> None:
    text = f"password password password {LONG} password reset login {LONG} reset"
    assert "password reset login" in snippet(text, ["password", "reset", "login"])


def test_without_a_word_it_is_the_beginning() -> None:
    assert snippet(LONG, ["absent"]).startswith("filler0 filler1")
    assert snippet(f"{LONG} password", ["password"]).endswith("password")


def test_texts_without_blanks_show_the_word_and_use_the_room() -> None:
    found = snippet(f"{JAPANESE}東京{JAPANESE} end", ["東京"])
    assert "東京" in found
    assert SNIPPET_COLUMNS - 4 <= columns(found) <= SNIPPET_COLUMNS + 4


def test_letters_and_their_accents_stay_together() -> None:
    text = "e\u0301" * 500
    found = snippet(text, [], 101)
    assert found.removesuffix(" …") == "e\u0301" * 101


@given(
    st.text(st.sampled_from("ab åß\n.İ日ン한\u0301"), max_size=900),
    st.lists(st.text("abå#Ġİ日", max_size=5), max_size=4),
    st.integers(60, 300),
)
def test_it_keeps_within_its_columns_and_is_cut_from_the_text(
    text: str, words: list[str], length: int
) -> None:
    found = snippet(text, words, length)
    body = found.removeprefix("… ").removesuffix(" …")
    assert columns(body) <= length
    assert body in " ".join(text.split())
    if found.startswith("… ") and body:
        assert not unicodedata.combining(body[0]) or " " + body in " ".join(text.split())


@given(
    st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta,", "(epsilon)"]), min_size=60, max_size=120)
)
def test_it_is_cut_at_words(pieces: list[str]) -> None:
    shown = snippet(" ".join(pieces), ["gamma"]).removeprefix("… ").removesuffix(" …")
    assert set(shown.split()) <= set(pieces)
    assert len(shown) > SNIPPET_COLUMNS / 2 - 20


@pytest.mark.parametrize("text", ["plain", "blåbær", "東京 ok", "e\u0301t", "한국어", "ไทย", "ｆｕｌｌ"])
def test_columns_are_those_of_rich(text: str) -> None:
    assert columns(text) == cell_len(text)


@pytest.mark.parametrize("before", ["", LONG])
def test_highlights_are_places_in_the_snippet(before: str) -> None:
    shown = made(f"{before} the  Password was\nreset by {LONG} login", ["password", "reset", "login"])
    assert [shown.text[start:end] for start, end in shown.highlights] == ["Password", "reset"]


@given(
    st.lists(st.sampled_from(["gamma", "beta,", "日本", " ", "x" * 30]), max_size=90), st.integers(60, 120)
)
def test_highlights_are_the_words_that_matched(pieces: list[str], length: int) -> None:
    shown = made(" ".join(pieces), ["gamma", "beta"], length)
    assert {shown.text[start:end] for start, end in shown.highlights} <= {"gamma", "beta"}
    assert len(shown.highlights) == shown.text.count("gamma") + shown.text.count("beta")


def slowly_densest(words: list[MatchedWord], length: int) -> int:
    """Each window looked at by itself."""
    best, offset = (0, 0), 0
    for number, word in enumerate(words):
        within = []
        for other in words[number:]:
            if other.end > word.start + length - 40:
                break
            within += other.terms
        if (len(set(within)), len(within)) > best:
            best, offset = (len(set(within)), len(within)), word.start
    return offset


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 50), st.lists(st.sampled_from("abcd"), max_size=3))
    ),
    st.integers(50, 200),
)
def test_the_densest_window_is_found(given_words: list[tuple[int, int, list[str]]], length: int) -> None:
    words: list[MatchedWord] = []
    end = 0
    for gap, size, terms in given_words:
        words.append(MatchedWord(end + gap, end + gap + size, tuple(terms)))
        end += gap + size
    assert snippets._densest(words, length) == slowly_densest(words, length)


def test_letters_that_are_not_measured_take_one_column() -> None:
    letters = [chr(code) for code in range(0x3000) if snippets._is_plain(chr(code))]
    assert len(letters) > 1500
    assert {snippets._width(letter) for letter in letters} == {1}
