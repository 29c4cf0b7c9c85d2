"""Phrases of a chunk: against a slow count of every run, and how often a chunk is read for its queries."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from splade_cli.generation.queries import phrases as module
from splade_cli.generation.queries.offline_writer import OfflineWriter
from splade_cli.generation.queries.phrases import WORD, ChunkWords, WordWeights
from splade_cli.idf import rarity
from splade_cli.records import Chunk

STOP = frozenset({"the", "of", "and", "with"})
TEXTS = [
    "The plane of hard steel and the plane iron.\nA Plane iron cuts with the grain.",
    "Sharpen the iron. ```\nplane = code\n``` Steel of 1200 grit, steel wool.",
    "Nothing here is about tools at all, and nothing else.",
]


def slow(chunk: Chunk, texts: list[str]) -> list[str]:
    frequencies = Counter(word for text in texts for word in {each.casefold() for each in WORD.findall(text)})
    counts: Counter[str] = Counter()
    weights = {}

    def weight(word: str) -> float:
        if word in STOP or len(word) < 3 or word.isdigit():
            return 0.0
        return rarity(frequencies[word], len(texts))

    for sentence in ChunkWords(chunk, WordWeights(texts, STOP)).sentences:
        words = [word.casefold() for word in WORD.findall(sentence)]
        for size in (1, 2, 3):
            for start in range(len(words) - size + 1):
                part = words[start : start + size]
                if all(weight(word) > 0 for word in part):
                    counts[" ".join(part)] += 1
                    weights[" ".join(part)] = sum(map(weight, part)) / size**0.5
    return sorted(counts, key=lambda phrase: (-weights[phrase] * (1 + math.log(counts[phrase])), phrase))


@pytest.mark.parametrize("text", TEXTS)
def test_phrases_are_those_of_a_slow_count(text: str) -> None:
    chunk = Chunk("c", "d", text)
    found = ChunkWords(chunk, WordWeights(TEXTS, STOP))
    assert found.phrases == slow(chunk, TEXTS)
    assert found.of_length(2) == [phrase for phrase in found.phrases if len(phrase.split()) == 2]


def test_a_chunk_is_read_once_for_all_of_its_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [Chunk(f"c{number}", "d", text) for number, text in enumerate(TEXTS)]
    runs: list[int] = []
    count = module._count_phrases
    monkeypatch.setattr(module, "_count_phrases", lambda *given: (runs.append(1), count(*given)))
    writer = OfflineWriter(chunks, stop_words=STOP, queries_per_chunk=1, kinds={"keywords": 1})
    once = sum(len(queries) for _, queries in writer.write(chunks))
    first = len(runs)
    many = OfflineWriter(chunks, stop_words=STOP, queries_per_chunk=6, kinds={"keywords": 1})
    assert sum(len(queries) for _, queries in many.write(chunks)) > once
    assert len(runs) == 2 * first
