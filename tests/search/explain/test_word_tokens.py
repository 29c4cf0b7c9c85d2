"""Words that are looked up are matched as the tokenizer's reading of the whole text matches them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import splade_cli
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
    assert whole.words(text, terms) == whole._read(text, terms)
    assert whole.literal([*terms, "no entry"], text) == frozenset(names) & frozenset(terms)


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
    assert list(places("reset preset reset's resets reset", "reset")) == [0, 13, 28]
    assert list(places("aa a aaa", "a")) == [3]
    assert list(places("", "a")) == []


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
