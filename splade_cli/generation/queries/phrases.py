"""Phrases of a chunk: runs of one to three content words, weighed by their rarity in the corpus."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

from splade_cli.idf import rarity
from splade_cli.records import Chunk

WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
LONGEST = 3
"""Words of a phrase at most."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


class WordWeights:
    """How much a word says: its rarity in the corpus, and nothing where it is a function word or a number.

    Args:
        texts: all of the corpus, read once.
        stop_words: function words of its language.
    """

    def __init__(self, texts: Iterable[str], stop_words: frozenset[str] = frozenset()) -> None:
        frequencies: Counter[str] = Counter()
        count = 0
        for text in texts:
            frequencies.update({word.casefold() for word in WORD.findall(text)})
            count += 1
        self._stop_words = stop_words
        self._rarity = {word: rarity(found, count) for word, found in frequencies.items()}
        self._known: dict[str, float] = {}

    def __getitem__(self, word: str) -> float:
        """0 or more, whatever the word's case."""
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = self._weight(word.casefold())
        return known

    def _weight(self, lower: str) -> float:
        if lower in self._stop_words or len(lower) < 3 or lower.isdigit():
            return 0.0
        return self._rarity.get(lower, 0.0)


class ChunkWords:
    """What queries of a chunk are made of, each part found when it is first asked for."""

    def __init__(self, chunk: Chunk, weights: WordWeights) -> None:
        self.chunk = chunk
        self.weights = weights

    @cached_property
    def sentences(self) -> list[str]:
        """Those of its text, without code."""
        parts = _SENTENCE.split(_CODE.sub("\n", self.chunk.text))
        return [part.strip("#-*|> ") for part in parts if part.strip()]

    @cached_property
    def words(self) -> list[list[str]]:
        """Those of each sentence."""
        return [WORD.findall(sentence) for sentence in self.sentences]

    @cached_property
    def phrases(self) -> list[str]:
        """Runs of one to LONGEST content words, by their rarity and how often they come here, best first."""
        counts: Counter[str] = Counter()
        weights: dict[str, float] = {}
        for words in self.words:
            for run in _content_runs(words, self.weights):
                _count_phrases(run, self.weights, counts, weights)
        ranked = [(phrase, weights[phrase] * (1 + math.log(count))) for phrase, count in counts.items()]
        ranked.sort(key=lambda pair: (-pair[1], pair[0]))
        return [phrase for phrase, _ in ranked]

    def of_length(self, *lengths: int) -> list[str]:
        """The phrases of so many words."""
        return [phrase for phrase in self.phrases if phrase.count(" ") + 1 in lengths]


def _content_runs(words: Iterable[str], weights: WordWeights) -> Iterator[list[str]]:
    """The runs of words with a weight; a function word ends one."""
    run: list[str] = []
    for word in words:
        if weights[word] > 0:
            run.append(word)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _count_phrases(
    run: list[str], known: WordWeights, counts: Counter[str], weights: dict[str, float]
) -> None:
    """Adds the phrases of a run of words, short ones first, and what each weighs."""
    lower = [word.casefold() for word in run]
    for size in range(1, LONGEST + 1):
        root = size**0.5
        for start in range(len(run) - size + 1):
            phrase = " ".join(lower[start : start + size])
            counts[phrase] += 1
            if phrase not in weights:
                weights[phrase] = sum([known[word] for word in run[start : start + size]]) / root
