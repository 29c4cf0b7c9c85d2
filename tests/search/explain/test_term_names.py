"""Vocabulary entries of WordPiece, byte-level and SentencePiece models as a person writes them."""

from __future__ import annotations

import pytest

from splade_cli.search.explain.term_names import continues_a_word, fold, readable


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
    assert continues_a_word(entry) == (entry == "##ing")


def test_folding() -> None:
    assert fold("ÅRSRAPPORT Élève") == "arsrapport eleve"
    assert fold("한국어") == "한국어"
    assert fold("Straße") == "straße"
