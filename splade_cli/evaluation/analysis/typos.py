"""Robustness to typos: the same judged queries with spelling mistakes, the same ones each time."""

from __future__ import annotations

import random
from dataclasses import replace

from splade_cli.datasets.collections import Collection
from splade_cli.generation.queries.typos import misspelled

SEED = 42


def with_typos(collection: Collection, seed: int = SEED) -> Collection:
    """The collection with about one mistake in 16 letters of each query, at least one.

    A query without a word of four letters stays as it is. The mistakes of a query depend on the seed, its id
    and its text alone.
    """
    queries = {}
    for query, text in collection.queries.items():
        draw = random.Random(f"{seed}|{query}|{text}")
        queries[query] = misspelled(text, draw) or text
    return replace(collection, queries=queries)
