"""Which terms stand in a text, by tokenizers and by words alone, and what is highlighted for them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

import splade_cli
from splade_cli.search.explain.literal_terms import TermMatcher

TINY = Path(splade_cli.__file__).parent / "assets" / "tiny" / "tokenizer.json"
TEXTS = (
    "How do I reset a forgotten password? Resetting isn't hard; re-read page_2 (or 3).",
    "Les élèves préparent des crêpes à la crème brûlée, naïvement.",
    "På onsdag spiste vi blåbærsyltetøy på brødskiver i Tromsø.",
    "東京都の天気は晴れです。 漢字 reset",
    "The kiln fires unglazed earthenware; delaminations rarely happen",
)
DECOYS = {"re", "pass", "##s", "##ing", "in", "fire", "for", "got", "##word", "un", "##zzz", "no entry"}
WORDS_ONLY = TermMatcher()


def wordpiece() -> Tokenizer:
    """The tokenizer of the embedded model."""
    return Tokenizer.from_file(str(TINY))


def byte_pairs() -> Tokenizer:
    """A byte-level tokenizer with the merges of a few pieces; other words fall into bytes."""
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges: list[tuple[str, str]] = []
    for piece in ("Ġreset", "Ġpassword", "ting", "Ġp", "Ã¥", "Ã¨me"):
        for end in range(2, len(piece) + 1):
            pair = (piece[: end - 1], piece[end - 1])
            if pair not in merges:
                merges.append(pair)
                pieces.append(piece[:end])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


def sentence_pieces() -> Tokenizer:
    """A tokenizer of whole words and single letters that marks the first piece of a word."""
    words = ["▁reset", "▁password", "▁blåbær", "▁the", "▁saw"]
    letters = sorted(set("".join(TEXTS)) - {" "})
    scores = [
        ("<unk>", 0.0),
        *((word, -1.0) for word in words),
        *((letter, -9.0) for letter in ["▁", *letters]),
    ]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


@pytest.fixture(scope="module")
def matcher() -> TermMatcher:
    return TermMatcher(wordpiece())


@pytest.mark.parametrize("make", [wordpiece, byte_pairs, sentence_pieces])
@pytest.mark.parametrize("text", TEXTS)
def test_literal_terms_are_the_tokens_of_a_text(make: object, text: str) -> None:
    tokenizer = make()  # type: ignore[operator]
    tokens = set(tokenizer.encode(text, add_special_tokens=False).tokens)
    assert TermMatcher(tokenizer).literal(sorted(tokens | DECOYS), text) == tokens


def test_what_truncation_cuts_off_counts_as_well() -> None:
    tokenizer = wordpiece()
    tokenizer.enable_truncation(5)
    short = TermMatcher(tokenizer)
    text = " ".join(["filler"] * 40) + " the password"
    assert short.literal(["password", "login"], text) == {"password"}
    assert shown(short, text, ["password"]) == ["password"]


def test_a_term_in_any_of_several_texts(matcher: TermMatcher) -> None:
    for each in (matcher, WORDS_ONLY):
        assert each.literal(["saw", "page", "blade"], "A table saw", "the login page") == {"saw", "page"}
    assert matcher.literal(["saw"]) == frozenset()


@pytest.mark.parametrize(
    ("term", "text", "literal"),
    [
        ("reset", "how to Reset it", True),
        ("reset", "it resets", True),
        ("reset", "RESETTING", True),
        ("set", "how to reset it", False),
        ("in", "information", False),
        ("the", "theory", False),
        ("##ring", "firing", False),
        ("##gl", "unglazed", True),
        ("##set", "how to set it", False),
        (".", "end. of", True),
        ("(", "a (b)", True),
        ("cafe", "un café", True),
        ("東", "東京", True),
        ("", "anything", False),
    ],
)
def test_literal_terms_of_word_pieces(matcher: TermMatcher, term: str, text: str, literal: bool) -> None:
    assert (term in matcher.literal([term], text)) is literal


@pytest.mark.parametrize(
    ("term", "text", "literal"),
    [
        ("reset", "how to Reset it", True),
        ("reset", "it resets", False),
        ("in", "information", False),
        ("##ing", "firing ing", False),
        ("Ġlogin", "a login page", True),
        ("▁Login", "a login page", True),
        ("login", "a log in page", False),
        (".", "end. of", True),
        ("Ġ", "anything g", False),
        ("blabær", "på BLÅBÆR", True),
        ("ĠblÃ¥bÃ¦r", "på blåbær", True),
        ("東京", "私は東京にいる", True),
        ("京都", "東京", False),
        ("हिन्दी", "यह हिन्दी है", True),
        ("हि", "यह हिन्दी है", False),
    ],
)
def test_without_a_tokenizer_words_are_compared(term: str, text: str, literal: bool) -> None:
    assert (term in WORDS_ONLY.literal([term], text)) is literal


def shown(matcher: TermMatcher, text: str, terms: list[str]) -> list[str]:
    return [text[word.start : word.end] for word in matcher.words(text, terms)]


def test_whole_words_are_highlighted(matcher: TermMatcher) -> None:
    text = "Passwords: reset the pass; RESETTING Presets, unglazed wires"
    assert shown(matcher, text, ["password", "reset", "th"]) == ["Passwords", "reset", "RESETTING"]
    assert shown(matcher, text, ["un", "##az"]) == ["unglazed"], "more than half of it"
    assert shown(matcher, text, ["##s"]) == [], "an ending alone is no word"
    assert shown(matcher, text, []) == []


def test_highlights_know_their_terms(matcher: TermMatcher) -> None:
    words = matcher.words("weaving the unglazed", ["weave", "un", "##gl", "##az", "##ed"])
    assert [(word.start, word.end, word.terms) for word in words] == [
        (0, 7, ("weave",)),
        (12, 20, ("un", "##gl", "##az", "##ed")),
    ]


@pytest.mark.parametrize("matcher", [TermMatcher(wordpiece()), WORDS_ONLY], ids=["tokens", "words"])
@pytest.mark.parametrize(
    ("term", "text", "words"),
    [
        ("weave", "she weaves, weaving woven webs", ["weaves", "weaving"]),
        ("weav", "weaving a weave", ["weaving", "weave"]),
        ("general", "generate general generals", ["general", "generals"]),
        ("car", "cargo cars car", ["cars", "car"]),
        ("AI", "AI is in air", ["AI"]),
        ("is", "AI is in air", []),
        ("3d", "a 3D print", ["3D"]),
        ("5", "5 or 50", ["5"]),
        (".", "end.", []),
        ("東", "私は東にいる", ["東"]),
        ("cafe", "Café CAFÉ cafe\u0301s", ["Café", "CAFÉ", "cafe\u0301s"]),
    ],
)
def test_forms_of_a_word_are_highlighted_and_lookalikes_are_not(
    matcher: TermMatcher, term: str, text: str, words: list[str]
) -> None:
    assert shown(matcher, text, [term]) == words


def test_the_stemmer_is_that_of_the_language() -> None:
    text = "bøkene om bok og boka"
    assert shown(TermMatcher(None, "norwegian"), text, ["bok"]) == ["bok", "boka"]
    assert shown(WORDS_ONLY, text, ["bok"]) == ["bok"]


@pytest.mark.parametrize(("make", "term"), [(byte_pairs, "Ġreset"), (sentence_pieces, "▁reset")])
def test_marks_of_a_first_piece_do_not_shift_highlights(make: object, term: str) -> None:
    matcher = TermMatcher(make())  # type: ignore[operator]
    assert shown(matcher, "How to reset, resets and reset", [term]) == ["reset", "resets", "reset"]


MATCHERS = [WORDS_ONLY, *(TermMatcher(make()) for make in (wordpiece, byte_pairs, sentence_pieces))]


@given(
    st.text(st.sampled_from("abcåßé ̈\n.İı日ンไ ह\u094d\u200d🏳"), max_size=80),
    st.lists(st.text(st.sampled_from("abå#Ġ▁İ日é.\u0300"), max_size=5), max_size=5),
    st.sampled_from(MATCHERS),
)
def test_highlights_lie_in_the_text_in_order_and_apart(
    text: str, terms: list[str], matcher: TermMatcher
) -> None:
    tokens = matcher._tokenized(text)[0]
    terms = [*terms, *tokens[::2]]
    words = matcher.words(text, terms)
    assert all(0 <= word.start < word.end <= len(text) for word in words)
    assert all(left.end <= right.start for left, right in pairwise(words))
    assert all(set(word.terms) <= set(terms) and word.terms for word in words)
    assert set(tokens[::2]) <= matcher.literal(terms, text) <= set(terms)


def test_bytes_of_one_letter_are_highlighted_once() -> None:
    matcher = TermMatcher(byte_pairs())
    terms = matcher._tokenized("日")[0]
    assert len(terms) > 1
    assert shown(matcher, "x日y", terms) == ["日"]


@pytest.mark.parametrize("matcher", [TermMatcher(wordpiece()), WORDS_ONLY])
@pytest.mark.parametrize(
    ("text", "terms", "found"),
    [
        ("毎月ポンプを点検", ["ポン", "ンプ"], ["ポンプ"]),
        ("閥門要關，閥門", ["閥門"], ["閥門", "閥門"]),
        ("비밀번호를 잊었습니다", ["비밀", "밀번", "번호"], ["비밀번호를"]),
    ],
)
def test_pairs_of_characters_are_highlighted_where_they_stand(
    matcher: TermMatcher, text: str, terms: list[str], found: list[str]
) -> None:
    words = matcher.words(text, terms)
    assert [text[word.start : word.end] for word in words] == found
    assert set().union(*(word.terms for word in words)) == set(terms)
