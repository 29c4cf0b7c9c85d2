"""Copies of the text and repetitions are found."""

from __future__ import annotations

from splade_cli.generation.dedupe import COPIED_WORDS, copies, query_key


def test_copies_looks_through_case_and_punctuation() -> None:
    words = [f"word{number}" for number in range(COPIED_WORDS)]
    text = f"Intro. {', '.join(words).title()}! End."
    assert copies(" -- ".join(words), text)
    assert not copies(" ".join([*words[:-1], "other"]), text)
    assert not copies(" ".join(words[::-1]), text)
    assert not copies(" ".join(words[1:]), text), "short quotations are what people type"
    assert not copies("", text)


def test_copies_does_not_match_inside_words() -> None:
    words = [f"word{number}" for number in range(COPIED_WORDS)]
    assert copies(" ".join(words), " ".join(words))
    assert not copies(" ".join(["art", *words]), " ".join(["start", *words]))
    assert not copies(" ".join([*words, "sta"]), " ".join([*words, "start"]))


def test_query_key() -> None:
    assert query_key("How to RESET, a password?") == query_key("a password reset: how to")
    assert query_key("reset password") != query_key("reset passwords")
    assert query_key("a a b") != query_key("a b")
