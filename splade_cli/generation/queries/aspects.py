"""Aspects of a topic: words that tell the documents of one title apart, as facets in faceted search.

Where several documents have one title, such as the answers about one disease, people ask for a side of it:
its treatment, its causes. Such a word is in few of the title's documents, and is spread over other titles,
for which people ask it as well.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain

from splade_cli.generation.queries.phrases import WORD
from splade_cli.idf import specificity
from splade_cli.records import Chunk

BEST = 6
"""Words of a chunk at most."""
SHORTEST = 3
"""Letters of a word at least."""


class Aspects:
    """The aspects of each chunk among the documents of its title.

    Args:
        chunks: the whole corpus.
        stop_words: function words of its language.
    """

    def __init__(self, chunks: Sequence[Chunk], stop_words: frozenset[str] = frozenset()) -> None:
        self._stop_words = stop_words
        words: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for chunk in chunks:
            if chunk.title.strip():
                words[chunk.title.casefold()][chunk.document_id] |= self._words(chunk.text)
        self._documents = {title: len(sets) for title, sets in words.items()}
        self._of_title = {
            title: Counter(chain(*sets.values())) for title, sets in words.items() if len(sets) > 1
        }
        self._titles = Counter(chain(*(set().union(*sets.values()) for sets in words.values())))

    def of(self, chunk: Chunk) -> list[str]:
        """Up to `BEST` words, best first; none where no other document has the chunk's title.

        The weight of a word that f of the title's n documents have, c times in this chunk, and t titles in
        all, is log(n / f) * log(1 + t) * (1 + log(c)); a word of one title alone, or of more than half of its
        documents, is no aspect.
        """
        title = chunk.title.casefold()
        inside = self._of_title.get(title)
        if inside is None:
            return []
        documents = self._documents[title]
        counts = Counter(word.casefold() for word in WORD.findall(chunk.text))
        weights: dict[str, float] = {}
        for word in self._words(chunk.text) - self._words(chunk.title):
            if self._titles[word] > 1 and 2 * inside[word] <= documents:
                spread = math.log(1 + self._titles[word])
                often = 1 + math.log(counts[word])
                weights[word] = specificity(inside[word], documents) * spread * often
        return sorted(weights, key=lambda word: (-weights[word], word))[:BEST]

    def _words(self, text: str) -> set[str]:
        found = {word.casefold() for word in WORD.findall(text)}
        return {
            word
            for word in found
            if len(word) >= SHORTEST and not word.isdigit() and word not in self._stop_words
        }
