"""Filters of written queries: copies of the text, and repetitions of one another."""

from __future__ import annotations

import re

COPIED_WORDS = 13
_WORD = re.compile(r"\w+")


def copies(query: str, text: str) -> bool:
    """Whether a query of `COPIED_WORDS` words or more stands in `text` word for word, and teaches no more."""
    words = _WORD.findall(query.casefold())
    if len(words) < COPIED_WORDS:
        return False
    text_words = " ".join(_WORD.findall(text.casefold()))
    return f" {' '.join(words)} " in f" {text_words} "


def query_key(query: str) -> str:
    """Equal for queries that differ in case, punctuation, or the order of words only."""
    return " ".join(sorted(_WORD.findall(query.casefold())))
