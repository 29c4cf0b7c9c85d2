"""Words that are looked up are matched as the tokenizer's reading of the whole text matches them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import splade_cli
from splade_cli.search.explain import word_tokens
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.explain.word_tokens import places, splits_at_words

TINY = Path(splade_cli.__file__).parent / "assets" / "tiny" / "tokenizer.json"
WORDS = (
    "reset", "Resetting", "password's", "isn't", "re-read", "page_2", "crêpes", "brûlée", "blåbærsyltetøy", "weave",
    "weaving", "delaminations", "PCB", "QV-17/9", "пароль", "ελληνικά", "naïve", "“quoted”", "a–b", "x…", "§4", "¿que?",
    "USB3.0", "e.g.", "İstanbul", "Straße", "unbelievable" * 9, "\u00a0", "\t", "it’s", "[UNK]", "3.14159", "C++", "_",
    "5×3", "m²", "東京", "e\u0301", "a\x07b", "한국어", "\u200bx", "👩", "°C", "re", "a", "I",
)  # fmt: skip
TEXT = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(["", " ", " ", " ", ". ", ", ", "\n"])), max_size=40
)


@lru_cache(maxsize=1)
def tiny_matcher() -> TermMatcher:
    """By the tokenizer of the embedded model."""
    return TermMatcher(Tokenizer.from_file(str(TINY)))


@given(TEXT.map(lambda pairs: "".join(word + gap for word, gap in pairs)), st.integers(1, 12), st.data())
@settings(max_examples=300, deadline=None)
@example("reset [UNK] reset", 12, None)
def test_looking_words_up_changes_nothing(text: str, count: int, data: st.DataObject | None) -> None:
    whole = tiny_matcher()
    names, _ = whole._tokenize(text)
    terms = sorted({*names, "reset", "weave", "in", "##s", "read", "[UNK]"})
    if data is not None:
        terms = data.draw(st.lists(st.sampled_from(terms), min_size=1, max_size=count, unique=True))
    assert whole.words(text, terms) == whole.read(text, terms)
    assert whole.literal([*terms, "no entry"], text) == frozenset(names) & frozenset(terms)


@given(TEXT.map(lambda pairs: "".join(word + gap for word, gap in pairs)), st.data())
@settings(max_examples=100, deadline=None)
def test_some_of_the_terms_that_are_sought(text: str, data: st.DataObject) -> None:
    matcher = tiny_matcher()
    names, _ = matcher._tokenize(text)
    terms = sorted({*names, "reset", "weave", "in", "##s", "read"})
    sought = matcher.seek(terms)
    for _ in range(3):
        some = data.draw(st.lists(st.sampled_from(terms), max_size=5, unique=True))
        found = [(word.start, word.end, set(word.terms)) for word in sought.words(text, some)]
        assert found == [(word.start, word.end, set(word.terms)) for word in matcher.read(text, some)]


def test_words_that_were_met_are_forgotten_where_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_tokens, "_KEPT_WORDS", 3)
    matcher = TermMatcher(Tokenizer.from_file(str(TINY)))
    sought = matcher.seek(["weave", "loom"])
    for number in range(6):
        text = f"Weaving needs {number} looms, and each loom a weaver of number {number}."
        assert sought.words(text, ["loom"]) == matcher.read(text, ["loom"])
        assert matcher.literal(["needs", "5", "zebra"], text) == {"needs", "5"} & set(
            matcher._tokenize(text)[0]
        )
    assert len(matcher._by_word._lexicon) < 20  # type: ignore[union-attr]


def test_only_what_stands_around_symbols_is_left_to_the_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = TermMatcher._tokenize

    def counted(self: TermMatcher, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        read.append(text)
        return original(self, text)

    text = "Fired at 1000°C, a kiln (5×3 m²) ≥ 2 cups of 東京 clay."
    monkeypatch.setattr(TermMatcher, "_tokenize", counted)
    matcher = TermMatcher(Tokenizer.from_file(str(TINY)))
    matcher.words("Fired at, a kiln 2 cups of clay ( ) .", ["kiln"])
    read.clear()
    matcher.words(text, ["kiln"])
    matcher.literal(["kiln"], text)
    assert sorted(read) == sorted(["1000°C", "5×3", "m²", "≥", "東京"])


@pytest.mark.parametrize("text", [word for word in WORDS if word.isascii() and word.isprintable()])
def test_ordinary_texts_are_looked_up(text: str) -> None:
    matcher = tiny_matcher()
    assert matcher._by_word is not None
    known = matcher._by_word.words(f"{text} again, and the naïve “crêpe”")
    assert (known is None) == ("[UNK]" in text)


def test_other_tokenizers_read_the_whole_text() -> None:
    tokenizer = Tokenizer.from_file(str(TINY))
    assert splits_at_words(tokenizer)
    tokenizer.normalizer = normalizers.NFKC()
    assert not splits_at_words(tokenizer)
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert not splits_at_words(pairs)


def test_places_are_of_whole_words() -> None:
    assert places("reset preset reset's resets reset", "reset") == [0, 13, 28]
    assert places("aa a aaa", "a") == [3]
    assert places("", "a") == []


def test_a_word_is_tokenised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = TermMatcher(Tokenizer.from_file(str(TINY)))
    read: list[str] = []
    original = TermMatcher._tokenize

    def counted(self: TermMatcher, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        read.append(text)
        return original(self, text)

    monkeypatch.setattr(TermMatcher, "_tokenize", counted)
    first = matcher.words("Weaving needs a loom, and looms need weavers.", ["weave", "loom"])
    assert [(match.start, match.end) for match in first] == [(0, 7), (16, 20), (26, 31)]
    assert sorted(read) == sorted(set(read))
    read.clear()
    assert matcher.literal(["needs", "and", "no"], "A loom needs looms, and a loom.") == {"needs", "and"}
    assert read == ["A"]
