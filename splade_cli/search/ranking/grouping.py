"""Result grouping: the chunks of a document, or of its section, become one hit, and so do texts of one title
that are nearly the same.

The same words under another title are another page: what is inherited how is said of two diseases alike.

Of chunks that belong together the best ranked one stands for all (MaxP). Rankings are fetched deeper until
there are as many groups as asked for, so grouping costs no results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_cli.corpus.formats.by_name import title_of_name
from splade_cli.corpus.near_duplicates import Shingles, hashed_shingles, prefix, words
from splade_cli.engines.base import Engine
from splade_cli.errors import require_positive
from splade_cli.records import Ranking
from splade_cli.search.ranking.folding import BY_DOCUMENT, Folding, Place
from splade_cli.search.recent import RecentlyUsed

SIMILARITY = 0.9
CACHED_TEXTS = 20_000


class Group(NamedTuple):
    """One hit.

    Attributes:
        id: the best ranked of its chunks.
        score: of that chunk.
        chunks: all chunks of the same document, or of the same passage of it, among those ranked, best first,
            so that `id` is the first.
        duplicates: best chunks of other hits whose text is nearly the same and whose title is no other, best
            first.
    """

    id: str
    score: float
    chunks: tuple[str, ...]
    duplicates: tuple[str, ...] = ()


class TextFacts(NamedTuple):
    """What grouping needs of a chunk.

    Attributes:
        document_id: its document.
        shingles: hashes of its shingles, each once.
        first: those of `shingles` of which two texts that are nearly the same share one; int64 as bytes,
            which are put together in a fifth of the time that arrays take.
        place: where it stands in its document.
        title: of its document.
        path: of the file that it was read from; empty where it was read from none.
    """

    document_id: str
    shingles: Shingles
    first: bytes
    place: Place = Place()
    title: str = ""
    path: str = ""

    @classmethod
    def of(
        cls,
        document_id: str,
        text: str,
        similarity: float = SIMILARITY,
        place: Place | None = None,
        title: str = "",
        path: str = "",
    ) -> TextFacts:
        """Of a text, to find those of such Jaccard similarity."""
        shingles = hashed_shingles(text)
        first = prefix(shingles, similarity).tobytes()
        return cls(document_id, shingles, first, place or Place(), title, path)

    def has_other_title(self, other: TextFacts) -> bool:
        """Whether both have a title of their own, in other words; the name of a file is none."""
        titles = [words(each.title) for each in (self, other) if not each.is_titled_by_its_file]
        return len(titles) == 2 and titles[0] != titles[1] and all(titles)

    @property
    def is_titled_by_its_file(self) -> bool:
        """Whether the title is what the file's name gives to a text without one."""
        return self.path != "" and self.title == title_of_name(PurePath(self.path))


def best_groups(
    ids: Sequence[str],
    scores: NDArray[np.float32],
    facts: Mapping[str, TextFacts],
    k: int,
    similarity: float = SIMILARITY,
    folding: Folding = BY_DOCUMENT,
) -> list[Group]:
    """The k best groups of a ranking: one for each document or passage of one, in the order of their best
    chunks; those whose best chunks are nearly the same are one, that of the best of them.

    Args:
        similarity: the Jaccard similarity from which on two texts are nearly the same; of the facts too.
        folding: which chunks of a document are one.
    """
    passages = _passages(ids, facts, folding)
    joined = _duplicates([facts[chunks[0]] for chunks in passages], similarity)
    duplicates: dict[int, list[str]] = {}
    for number, better in joined.items():
        duplicates.setdefault(better, []).append(passages[number][0])
    score_of = dict(zip(ids, scores.tolist(), strict=True))
    groups: list[Group] = []
    for number, chunks in enumerate(passages):
        if len(groups) == k:
            break
        if number not in joined:
            alike = tuple(duplicates.get(number, ()))
            groups.append(Group(chunks[0], score_of[chunks[0]], tuple(chunks), alike))
    return groups


def _passages(ids: Sequence[str], facts: Mapping[str, TextFacts], folding: Folding) -> list[list[str]]:
    """The chunks of each passage, best first both.

    A chunk goes to the best passage of its document whose best chunk it joins, so that a passage is the same
    however deep a ranking goes.
    """
    passages: list[list[str]] = []
    of_document: dict[str, list[list[str]]] = {}
    for each in ids:
        fact = facts[each]
        known = of_document.get(fact.document_id)
        if known is None:
            known = of_document[fact.document_id] = []
        for passage in known:
            if folding.joins(facts[passage[0]].place, fact.place):
                passage.append(each)
                break
        else:
            passages.append([each])
            known.append(passages[-1])
    return passages


def _duplicates(facts: Sequence[TextFacts], similarity: float) -> dict[int, int]:
    """Positions, ascending, of the texts that are nearly the same as a better one, and those of the better.

    Only texts that share one of their first shingles, and have about as many, are compared.
    """
    first = [each.first for each in facts]
    all_first = np.frombuffer(bytearray().join(first), dtype=np.int64)
    all_first.sort()
    if not (all_first[1:] == all_first[:-1]).any():
        return {}
    sharing = _sharing([np.frombuffer(each, dtype=np.int64) for each in first])
    sets = {position: frozenset(facts[position].shingles.tolist()) for position in sharing}
    joined: dict[int, int] = {}
    for position in sorted(sharing):
        shingles = sets[position]
        for other in sorted(sharing[position]):
            if other >= position:
                break
            others = sets[other]
            small, large = sorted((len(shingles), len(others)))
            if other in joined or small / large < similarity:
                continue
            if facts[position].has_other_title(facts[other]):
                continue
            common = len(shingles & others)
            if common / (small + large - common) >= similarity:
                joined[position] = other
                break
    return joined


def _sharing(sets: Sequence[Shingles]) -> dict[int, set[int]]:
    """For each position of `sets` that has shingles in common with others, all that have one of them."""
    shingles = np.concatenate(sets)
    ascending = np.sort(shingles)
    common = ascending[1:][ascending[1:] == ascending[:-1]]
    which = np.minimum(np.searchsorted(common, shingles), len(common) - 1)
    places = np.flatnonzero(common[which] == shingles)
    owners = np.searchsorted(np.cumsum([len(each) for each in sets]), places, side="right")
    of_shingle: dict[int, set[int]] = {}
    for shingle, owner in zip(which[places].tolist(), owners.tolist(), strict=True):
        of_shingle.setdefault(shingle, set()).add(owner)
    sharing: dict[int, set[int]] = {}
    for owning in of_shingle.values():
        for owner in owning:
            sharing.setdefault(owner, set()).update(owning)
    return sharing


def grouped(
    rank: Callable[[Sequence[int], int], Ranking],
    queries: int,
    k: int,
    facts_of: Callable[[Sequence[str]], Mapping[str, TextFacts]],
    folding: Folding = BY_DOCUMENT,
) -> list[list[Group]]:
    """The k best groups of each query.

    Args:
        rank: ``rank(numbers, n)`` gives the n best chunks of the queries of these numbers; asked again with a
            larger n for those that have fewer than `k` groups while there may be more.
        queries: how many.
        facts_of: documents and shingles of chunks.
        folding: which chunks of a document are one group.
    """
    require_positive(k=k)
    groups: list[list[Group]] = [[] for _ in range(queries)]
    waiting = list(range(queries))
    depth = 3 * k
    while waiting:
        ranking = rank(waiting, depth)
        facts = facts_of(ranking.ids[0] if len(waiting) == 1 else _each_once(ranking.ids))
        short = []
        for number, ids, scores in zip(waiting, ranking.ids, ranking.scores, strict=True):
            groups[number] = best_groups(ids, scores, facts, k, folding=folding)
            if len(groups[number]) < k and len(ids) >= depth:
                short.append(number)
        waiting = short
        depth *= 4
    return groups


def _each_once(lists: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(each for ids in lists for each in ids))


def ungrouped(ranking: Ranking) -> list[list[Group]]:
    """Each chunk a group by itself."""
    return [
        list(map(Group, ids, scores.tolist(), zip(ids)))
        for ids, scores in zip(ranking.ids, ranking.scores, strict=True)
    ]


class FactsCache(RecentlyUsed[TextFacts]):
    """A cache of documents and shingles of an engine's chunks.

    Args:
        engine: where chunks are fetched from.
        capacity: chunks to remember.
    """

    def __init__(self, engine: Engine, capacity: int = CACHED_TEXTS) -> None:
        super().__init__(self._read, capacity)
        self._engine = engine

    def _read(self, ids: Sequence[str]) -> list[TextFacts]:
        chunks = self._engine.fetch(ids)
        return [
            TextFacts.of(
                chunk.document_id or chunk.id,
                chunk.text,
                place=Place(chunk.headings, chunk.start),
                title=chunk.title,
                path=str(chunk.metadata.get("path", "")),
            )
            for chunk in chunks
        ]
