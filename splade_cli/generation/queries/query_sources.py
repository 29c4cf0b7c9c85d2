"""Query sources: queries written for chunks, and queries that people judged; what each means for mining."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Protocol

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.datasets.splits import SplitRatio
from splade_cli.datasets.teacher_run import ASPECT
from splade_cli.generation.corpus import Corpus
from splade_cli.generation.dedupe import COPIED_WORDS, copies, query_key
from splade_cli.generation.negatives import Mined, MiningRules, mine, mine_judged, rank_of
from splade_cli.generation.queries.judged_queries import JudgedCorpus, JudgedQuery, split_queries
from splade_cli.generation.queries.rejected import (
    CEILING,
    COPY,
    DUPLICATE,
    LOST,
    ROUND_TRIP,
    Rejected,
    Rejections,
)
from splade_cli.generation.queries.weak_spots import WeakSpots
from splade_cli.generation.split import split_documents_by_group
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, JsonValue, WrittenQuery

LITERAL_TYPES = ("sentence", "title")
"""Types that may stand in their chunk word for word: their use is what the teachers rank beside it."""


class Writer(Protocol):
    """Writes queries for chunks: `offline_writer.OfflineWriter` or `llm.writer.LlmWriter`."""

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]: ...


class QuerySource(Protocol):
    """Queries with what is known of their relevant chunks, and the rules that follow from how it is known.

    Attributes:
        corpus: what the queries are about.
        rejected: queries, and negatives of them, that were left out; grows while queries are read and mined.
    """

    corpus: Corpus
    rejected: Rejections

    def queries(self, progress: Progress) -> list[JudgedQuery]:
        """The queries, each with at least one relevant chunk. Raises InputError where there are none."""

    def mine(
        self, query: JudgedQuery, positive: str, teacher: Mapping[str, float], seed: int
    ) -> Mined | None:
        """Negatives of a query beside one of its relevant chunks; None where the query is to be dropped."""

    def split(self, queries: Sequence[JudgedQuery], ratio: SplitRatio, seed: int) -> list[JudgedQuery]:
        """The queries that are left, with an id and the side of the split on which they are."""

    def corpus_rows(self) -> Iterator[dict[str, JsonValue]]:
        """The lines of corpus.jsonl."""


class WrittenQueries:
    """Queries that a writer made of chunks, one relevant chunk each.

    Copies of the text and repetitions are dropped, and so is a query that does not find its chunk again
    (round trip); there is no ceiling for negatives, since nobody has judged the chunk better than others.
    Documents go to one side of the split as a whole, near-duplicates together.

    Args:
        weak: what is confused with what, where queries are about that.
        without: filters that are switched off, see `rejected.FILTERS`.
        about: the chunks to write for; all of the corpus, or of `weak`, where None.
    """

    def __init__(
        self,
        corpus: Corpus,
        writer: Writer,
        count: int,
        round_trip: int,
        weak: WeakSpots | None = None,
        without: Set[str] = frozenset(),
        about: Sequence[Chunk] | None = None,
    ) -> None:
        self.corpus = corpus
        self.rejected = Rejections()
        self._without = without
        self._round_trip = round_trip
        self._writer = writer
        self._weak = weak
        if about is None:
            about = corpus.chunks if weak is None else weak.chunks
        self._chunks = about
        kept_if_found = None if ROUND_TRIP in without else round_trip
        self._rules = MiningRules(count, round_trip=kept_if_found, ceiling=None)
        self._positions = {chunk.id: position for position, chunk in enumerate(corpus.chunks)}
        self._by_text: dict[str, list[str]] = {}
        for chunk in corpus.chunks:
            self._by_text.setdefault(chunk.text, []).append(chunk.id)

    def queries(self, progress: Progress) -> list[JudgedQuery]:
        """Those that are neither copies nor repetitions."""
        queries: list[JudgedQuery] = []
        first: dict[str, str] = {}
        total = len(self._chunks)
        for done, (chunk, written) in enumerate(self._writer.write(self._chunks), 1):
            for query in written:
                key = query_key(query.text)
                if self._is_usable(query, chunk, first.get(key)):
                    first.setdefault(key, chunk.id)
                    queries.append(JudgedQuery("", query.text, {chunk.id: 1}, query.type))
            progress("write queries", done, total)
        return queries

    def _is_usable(self, query: WrittenQuery, chunk: Chunk, asked_of: str | None) -> bool:
        """Whether no filter of its words takes a query out.

        Args:
            asked_of: the chunk for which a query of the same words was kept before, if there is one.
        """
        if asked_of is not None and DUPLICATE not in self._without:
            reason = f"the same words as one for {asked_of}"
            self._reject("duplicate", query.text, chunk.id, DUPLICATE, reason)
        elif self._weak is not None and query_key(query.text) in self._weak.asked:
            self._reject("is a lost query", query.text, chunk.id, LOST, "it is one of a test")
        elif COPY not in self._without and query.type not in LITERAL_TYPES and copies(query.text, chunk.text):
            reason = f"its {COPIED_WORDS} words or more stand in the chunk as they are"
            self._reject("copies the text", query.text, chunk.id, COPY, reason)
        else:
            return True
        return False

    def _reject(self, short: str, query: str, chunk_id: str, name: str, reason: str) -> None:
        self.rejected.add(short, Rejected(query, chunk_id, name, reason))

    def mine(
        self, query: JudgedQuery, positive: str, teacher: Mapping[str, float], seed: int
    ) -> Mined | None:
        """None where retrieval does not find the chunk that the query was written for."""
        draw = random.Random(f"{seed}|{query.text}")
        excluded = self._same_text(positive)
        mined = mine(teacher, positive, self._rules, excluded=excluded, draw=draw)
        if mined is None:
            reason = f"its chunk is not among the first {self._round_trip} results"
            if rank := rank_of(teacher, positive):
                reason += f" but number {rank}"
            self._reject("does not find its chunk", query.text, positive, ROUND_TRIP, reason)
            return None
        if query.type == ASPECT:
            # no other chunk of its title has the word, which teachers may give less than the title
            mined = replace(mined, scores=(max(teacher.values()), *mined.scores[1:]))
        if self._weak is not None:
            chunk = self.corpus.chunks[self._positions[positive]]
            return self._weak.named_first(mined, chunk, teacher, excluded, self._rules.count)
        return mined

    def split(self, queries: Sequence[JudgedQuery], ratio: SplitRatio, seed: int) -> list[JudgedQuery]:
        """Numbers the queries in their order, and puts each on the side of its document."""
        sides = split_documents_by_group(self.corpus.documents, ratio, seed)
        decided = []
        for number, query in enumerate(queries, 1):
            chunk = self.corpus.chunks[self._positions[query.relevant[0]]]
            decided.append(replace(query, id=f"q{number}", side=sides[chunk.document_id]))
        return decided

    def corpus_rows(self) -> Iterator[dict[str, JsonValue]]:
        """Chunks with the document that they are of."""
        for chunk in self.corpus.chunks:
            row = {"_id": chunk.id, "title": "", "text": chunk.content, "document_id": chunk.document_id}
            yield {**chunk.metadata, **row}

    def _same_text(self, chunk_id: str) -> Set[str]:
        """Chunks of the same text, and neighbours in the same document that overlap."""
        position = self._positions[chunk_id]
        chunk = self.corpus.chunks[position]
        same = set(self._by_text[chunk.text])
        for neighbour in (position - 1, position + 1):
            if 0 <= neighbour < len(self.corpus.chunks) and _overlap(self.corpus.chunks[neighbour], chunk):
                same.add(self.corpus.chunks[neighbour].id)
        return same


class JudgedQueries:
    """Queries of people, with the documents that they judged.

    None is rejected, wherever the teachers rank its documents. What is judged relevant is never a negative,
    nor is a near-duplicate of it, and no negative scores near it or above, unless that filter is switched off
    and only the scores say so. Documents stay whole; a split of the
    collection wins, and else queries that share a relevant document, or a near-duplicate of one, stay on one
    side.
    """

    def __init__(self, judged: JudgedCorpus, count: int, without: Set[str] = frozenset()) -> None:
        self.corpus = judged.corpus
        self.rejected = judged.rejected
        self._queries = judged.queries
        self._rules = MiningRules(count)
        if CEILING in without:
            self._rules = replace(self._rules, ceiling=None)
        chunks = judged.corpus.chunks
        groups = duplicate_groups([chunk.content for chunk in chunks])
        self._groups = {chunk.id: group for chunk, group in zip(chunks, groups, strict=True)}
        members: dict[int, list[str]] = {}
        for chunk_id, group in self._groups.items():
            members.setdefault(group, []).append(chunk_id)
        self._relevant: dict[str, set[str]] = {}
        for query in judged.queries:
            relevant = self._relevant.setdefault(query.key, set())
            for chunk_id in query.relevant:
                relevant.update(members[self._groups[chunk_id]])

    def queries(self, progress: Progress) -> list[JudgedQuery]:
        """All that were judged."""
        return list(self._queries)

    def mine(
        self, query: JudgedQuery, positive: str, teacher: Mapping[str, float], seed: int
    ) -> Mined | None:
        """Always some, as far as the teachers rank other documents."""
        relevant = self._relevant[query.key]
        mined = mine_judged(
            teacher,
            positive,
            self._rules,
            excluded=relevant,
            irrelevant=query.grades.keys() - relevant,
            draw=random.Random(f"{seed}|{query.text}|{positive}"),
        )
        for chunk_id in mined.passed_over:
            reason = f"scores {teacher[chunk_id]:.3f}, the positive {teacher.get(positive, 0.0):.3f}"
            rejected = Rejected(query.text, positive, CEILING, reason, negative=chunk_id)
            self.rejected.add("as relevant as the positive", rejected)
        return mined

    def split(self, queries: Sequence[JudgedQuery], ratio: SplitRatio, seed: int) -> list[JudgedQuery]:
        """See `judged_queries.split_queries`."""
        return split_queries(queries, self._groups, ratio, seed)

    def corpus_rows(self) -> Iterator[dict[str, JsonValue]]:
        """Documents under their own ids."""
        for chunk in self.corpus.chunks:
            yield {**chunk.metadata, "_id": chunk.id, "title": "", "text": chunk.content}


def _overlap(left: Chunk, right: Chunk) -> bool:
    return left.document_id == right.document_id and left.start < right.end and right.start < left.end
