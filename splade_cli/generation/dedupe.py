"""Filters of written queries: copies of the text, and repetitions of one another."""

from __future__ import annotations

from splade_cli.corpus.near_duplicates import words

COPIED_WORDS = 13


def copies(query: str, text: str) -> bool:
    """Whether a query of `COPIED_WORDS` words or more stands in `text` word for word, and teaches no more."""
    copied = words(query)
    if len(copied) < COPIED_WORDS:
        return False
    return f" {' '.join(copied)} " in f" {' '.join(words(text))} "


def query_key(query: str) -> str:
    """Equal for queries that differ in case, punctuation, or the order of words only."""
    return " ".join(sorted(words(query)))
