"""Which vocabulary entries spell which words, held against the tokenizers themselves."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

import splade_cli
from splade_cli.search.explain.literal_terms import fold, matched_spans, readable, spell, written

TEXTS = (
    "How do I reset a forgotten password? Resetting isn't hard; re-read page_2 (or 3).",
    "Les élèves préparent des crêpes à la crème brûlée, naïvement.",
    "På onsdag spiste vi blåbærsyltetøy på brødskiver i Tromsø.",
    "東京都の天気は晴れです。 漢字 reset",
    "The kiln fires unglazed earthenware; delaminations rarely happen",
)


@pytest.fixture(scope="module")
def wordpiece() -> Callable[[str], set[str]]:
    """The tokens of a text, as the embedded model reads it."""
    tokenizer = Tokenizer.from_file(
        str(Path(splade_cli.__file__).parent / "assets" / "tiny" / "tokenizer.json")
    )
    return lambda text: set(tokenizer.encode(text, add_special_tokens=False).tokens) - {"[UNK]"}


@pytest.mark.parametrize("text", TEXTS)
def test_wordpiece_spells_words_as_its_tokenizer_does(
    wordpiece: Callable[[str], set[str]], text: str
) -> None:
    tokens = wordpiece(text)
    decoys = {"re", "pass", "##s", "##ing", "in", "the", "fire", "for", "got", "##word", "a", "pa", "un"}
    assert written(sorted(tokens | decoys), text) == tokens


@given(
    st.lists(
        st.sampled_from(["reset", "kilns", "unglazed", "a", "delamination", "pâté", "wire-frame"]), min_size=1
    )
)
def test_any_words_are_spelled_as_the_tokenizer_does(
    wordpiece: Callable[[str], set[str]], words: list[str]
) -> None:
    text = " ".join(words)
    tokens = wordpiece(text)
    assert written(sorted(tokens | {"sets", "re", "##d"}), text) == tokens


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
    tokenizer = Tokenizer(
        models.BPE(vocab={piece: place for place, piece in enumerate(pieces)}, merges=merges)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


@pytest.mark.parametrize("text", TEXTS[:3])
def test_byte_pairs_are_read_as_text(text: str) -> None:
    tokens = byte_pairs().encode(text).tokens
    assert any(token.startswith("Ġ") for token in tokens)
    whole = [word for word in spell(text, tokens) if not word.ending]
    assert {word for word in text.split() if word.isascii() and word.isalpha()} <= {
        text[word.start : word.end] for word in whole
    }
    assert "å" not in text.lower() or {"Ã¥"} & set(tokens) == {
        token for token in tokens if readable(token) == "å"
    }


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("reset", "reset"),
        ("##ing", "##ing"),
        ("##", "##"),
        ("Ġlogin", "login"),
        ("▁login", "login"),
        ("ĠblÃ¥bÃ¦r", "blåbær"),
        ("Ã©", "é"),
        ("blåbær", "blåbær"),
        ("é", "é"),
        ("æĹ¥", "日"),
        ("Ġ", "Ġ"),
        ("▁", "▁"),
        ("[123]", "[123]"),
        ("", ""),
    ],
)
def test_entries_as_a_person_writes_them(entry: str, shown: str) -> None:
    assert readable(entry) == shown


@pytest.mark.parametrize(
    ("entry", "text", "literal"),
    [
        ("reset", "how to Reset it", True),
        ("reset", "it resets", True),
        ("reset", "RESETTING", True),
        ("reset", "presets", False),
        ("set", "how to reset it", False),
        ("in", "information", False),
        ("inform", "information", False),
        ("the", "theory", False),
        ("##ring", "firing", True),
        ("##ing", "firing", False),
        ("##set", "how to set it", False),
        ("Ġlogin", "a login page", True),
        ("▁Login", "a login page", True),
        ("login", "a log in page", False),
        ("c++", "use C++ here", True),
        (".", "end. of", True),
        ("(", "a (b)", True),
        ("Ġ", "anything g", False),
        ("", "anything", False),
        ("##", "a", False),
        ("blåbær", "på blåbær", True),
        ("blabær", "på BLÅBÆR", True),
        ("ĠblÃ¥bÃ¦r", "på blåbær", True),
        ("東", "東京", True),
        ("東京", "私は東京にいる", True),
        ("京都", "東京", False),
        ("हिन्दी", "यह हिन्दी है", True),
        ("हि", "यह हिन्दी है", False),
    ],
)
def test_literal_entries(entry: str, text: str, literal: bool) -> None:
    assert (entry in written([entry], text)) is literal


def test_only_a_word_that_is_covered_holds_its_pieces() -> None:
    assert written(["fi", "##ring"], "firing") == {"fi", "##ring"}
    assert written(["fi", "##r"], "firing") == set()
    assert written(["in", "information"], "information") == {"information"}
    assert written(["in", "information"], "in time, information") == {"in", "information"}


def shown(text: str, entries: list[str]) -> list[str]:
    return [text[start:end] for start, end in matched_spans(text, entries)]


def test_whole_words_are_matched() -> None:
    text = "Passwords: reset the pass; RESETTING Presets, firing wires"
    assert shown(text, ["password", "reset", "th"]) == ["Passwords", "reset", "RESETTING"]
    assert shown(text, ["fi", "##ring"]) == ["firing"]
    assert shown(text, ["##ring"]) == ["firing"]
    assert shown(text, ["##ing", "the"]) == ["the"]
    assert shown(text, []) == []


@pytest.mark.parametrize(
    ("entry", "text", "words"),
    [
        ("weave", "she weaves, weaving woven webs", ["weaves", "weaving"]),
        ("weav", "weaving a weave", ["weaving", "weave"]),
        ("general", "generate general generals", ["general", "generals"]),
        ("car", "cargo cars car", ["car"]),
        ("AI", "AI is in air", ["AI"]),
        ("is", "AI is in air", []),
        ("3d", "a 3D print", ["3D"]),
        ("5", "5 or 50", ["5"]),
        (".", "end.", []),
        ("晴", "今日は晴れ", ["晴"]),
        ("cafe", "Café CAFÉ cafe\u0301s", ["Café", "CAFÉ", "cafe\u0301s"]),
    ],
)
def test_forms_of_a_word_are_matched_and_lookalikes_are_not(entry: str, text: str, words: list[str]) -> None:
    assert shown(text, [entry]) == words


@given(
    st.text(st.sampled_from("abcåßé ̈\n.İı日ンไ ह\u094d\u200d🏳"), max_size=80),
    st.lists(st.text(st.sampled_from("abå#Ġ▁İ日é.\u0300"), max_size=5), max_size=5),
)
def test_spans_lie_in_the_text_in_order_and_apart(text: str, entries: list[str]) -> None:
    spans = matched_spans(text, entries)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    assert written(entries, text) <= set(entries)


def test_folding() -> None:
    assert fold("ÅRSRAPPORT Élève") == "arsrapport eleve"
    assert fold("한국어") == "한국어"
    assert fold("Straße") == "straße"
