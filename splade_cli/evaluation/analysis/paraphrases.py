"""Robustness to other words: the same judged queries paraphrased by rules, the same way each time."""

from __future__ import annotations

import random
from dataclasses import replace

from splade_cli.datasets.collections import Collection
from splade_cli.generation.queries.paraphrases import ENGLISH, OPENINGS, paraphrased
from splade_cli.generation.queries.phrases import WORD
from splade_cli.index.bm25.language import guess_language

SEED = 42


def with_paraphrases(collection: Collection, seed: int = SEED) -> Collection:
    """The collection with its queries in other words, where rules of their language have some.

    The words of a query depend on the seed, its id, its text and the words of the documents alone.
    """
    language = guess_language([document.text for document in collection.documents])
    known: frozenset[str] = frozenset()
    if language == ENGLISH:
        known = frozenset(
            word
            for each in collection.documents
            for word in WORD.findall(f"{each.title} {each.text}".lower())
        )
    queries = {}
    for query, text in collection.queries.items():
        draw = random.Random(f"{seed}|{query}|{text}")
        queries[query] = paraphrased(text, language, known, draw) or text
    return replace(collection, queries=queries)


def how(collection: Collection) -> str:
    """What `with_paraphrases` does, in a sentence."""
    language = guess_language([document.text for document in collection.documents])
    if language == ENGLISH:
        return "synonyms of general words, word order, singular and plural, and other openings, by rules"
    if language in OPENINGS:
        return "other openings, by rules"
    return f"no rules for {language}: a language model can write them"
