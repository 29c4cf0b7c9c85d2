"""Result grouping: the chunks of one document become one hit, and texts that are nearly the same another.

Of chunks that belong together the best ranked one stands for all (MaxP). Rankings are fetched deeper until
there are as many groups as asked for, so grouping costs no results.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import NamedTuple

from splade_cli.corpus.near_duplicates import Shingles, hashed_shingles, jaccard, prefix
from splade_cli.engines.base import Engine
from splade_cli.errors import require_positive
from splade_cli.records import Ranking

SIMILARITY = 0.9
CACHED_TEXTS = 20_000


@dataclass(frozen=True)
class Group:
    """One hit.

    Attributes:
        id: the best ranked of its chunks.
        score: of that chunk.
        chunks: all chunks of the same document among those ranked, best first, `id` included.
        duplicates: best chunks of other documents whose text is nearly the same, best first.
    """

    id: str
    score: float
    chunks: tuple[str, ...]
    duplicates: tuple[str, ...] = ()


class TextFacts(NamedTuple):
    """What grouping needs of a chunk: its document, and hashes of its shingles, each once."""

    document_id: str
    shingles: Shingles


def group_chunks(ids: Sequence[str], scores: Iterable[float], facts: Mapping[str, TextFacts]) -> list[Group]:
    """One group for each document of a ranking, in the order of their best chunks."""
    first: dict[str, tuple[str, float]] = {}
    chunks: dict[str, list[str]] = {}
    for chunk, score in zip(ids, scores, strict=True):
        document = facts[chunk].document_id
        first.setdefault(document, (chunk, float(score)))
        chunks.setdefault(document, []).append(chunk)
    return [Group(chunk, score, tuple(chunks[document])) for document, (chunk, score) in first.items()]


def merge_near_duplicates(
    groups: Iterable[Group], facts: Mapping[str, TextFacts], similarity: float = SIMILARITY
) -> list[Group]:
    """Joins a group to the first better one whose text has a Jaccard similarity of at least `similarity`.

    Texts are compared by their shingles, see `corpus.near_duplicates`; a text without words is like no other.
    """
    merged: list[Group] = []
    holders: dict[int, list[int]] = {}
    """Shingle to the positions in `merged` of the groups that have it in their prefix."""
    for group in groups:
        hashes = facts[group.id].shingles
        first_shingles = prefix(hashes, similarity)
        candidates = {position for shingle in first_shingles for position in holders.get(shingle, ())}
        for position in sorted(candidates):
            like = merged[position]
            if jaccard(hashes, facts[like.id].shingles) >= similarity:
                merged[position] = replace(like, duplicates=(*like.duplicates, group.id))
                break
        else:
            for shingle in first_shingles:
                holders.setdefault(shingle, []).append(len(merged))
            merged.append(group)
    return merged


def grouped(
    rank: Callable[[Sequence[int], int], Ranking],
    queries: int,
    k: int,
    facts_of: Callable[[Sequence[str]], Mapping[str, TextFacts]],
) -> list[list[Group]]:
    """The k best groups of each query.

    Args:
        rank: ``rank(numbers, n)`` gives the n best chunks of the queries of these numbers; asked again with a
            larger n for those that have fewer than `k` groups while there may be more.
        queries: how many.
        facts_of: documents and shingles of chunks.
    """
    require_positive(k=k)
    groups: list[list[Group]] = [[] for _ in range(queries)]
    waiting = list(range(queries))
    depth = 3 * k
    while waiting:
        ranking = rank(waiting, depth)
        facts = facts_of(list(dict.fromkeys(each for ids in ranking.ids for each in ids)))
        short = []
        for number, ids, scores in zip(waiting, ranking.ids, ranking.scores, strict=True):
            groups[number] = merge_near_duplicates(group_chunks(ids, scores, facts), facts)[:k]
            if len(groups[number]) < k and len(ids) >= depth:
                short.append(number)
        waiting = short
        depth *= 4
    return groups


def ungrouped(ranking: Ranking) -> list[list[Group]]:
    """Each chunk a group by itself."""
    return [
        [Group(each, float(score), (each,)) for each, score in zip(ids, scores, strict=True)]
        for ids, scores in zip(ranking.ids, ranking.scores, strict=True)
    ]


class FactsCache:
    """A cache of documents and shingles of an engine's chunks, by recent use. Safe from many threads.

    Args:
        engine: where chunks are fetched from.
        capacity: chunks to remember.
    """

    def __init__(self, engine: Engine, capacity: int = CACHED_TEXTS) -> None:
        self._engine = engine
        self._capacity = capacity
        self._lock = Lock()
        self._facts: OrderedDict[str, TextFacts] = OrderedDict()

    def __call__(self, ids: Sequence[str]) -> dict[str, TextFacts]:
        """The facts of `ids`; those that are not remembered are fetched in one call."""
        with self._lock:
            facts = {each: self._facts[each] for each in ids if each in self._facts}
            for each in facts:
                self._facts.move_to_end(each)
        missing = [each for each in ids if each not in facts]
        if not missing:
            return facts
        fetched = {
            chunk.id: TextFacts(chunk.document_id or chunk.id, hashed_shingles(chunk.text))
            for chunk in self._engine.fetch(missing)
        }
        with self._lock:
            self._facts.update(fetched)
            while len(self._facts) > self._capacity:
                self._facts.popitem(last=False)
        return facts | fetched
