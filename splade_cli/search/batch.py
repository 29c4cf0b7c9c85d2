"""A batch of queries on its way through a searcher: encoded once, ranked as deep as it takes."""

from __future__ import annotations

from collections.abc import Sequence

from splade_cli.errors import InputError
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.metadata.filters import Filter
from splade_cli.records import Ranking
from splade_cli.search.explain.hits import RankedQuery, row_of
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.folding import folding_of
from splade_cli.search.ranking.grouping import FactsCache, Group, grouped, ungrouped
from splade_cli.search.ranking.ranker import EncodedQueries, Ranked, Ranker
from splade_cli.search.ranking.rerank import CrossEncoder, rerank


class QueryBatch:
    """Encoded queries that are ranked as deep as it takes; a reranker reads each query's first chunks once.

    Args:
        fused: how many texts of each part a hybrid fuses, however deep it goes.
    """

    def __init__(
        self,
        ranker: Ranker,
        queries: EncodedQueries,
        options: SearchOptions,
        filter: Filter | None,
        reranker: CrossEncoder | None,
        fused: int,
    ) -> None:
        self.queries = queries
        self._ranker = ranker
        self._options = options
        self._filter = filter
        self._fused = fused
        self._parts: list[dict[str, tuple[Sequence[str], Sequence[float]]]] = [{} for _ in queries.texts]
        self._reranked: Ranking | None = None
        if reranker is not None:
            self._reranked = self._read(reranker)

    def rank(self, numbers: Sequence[int], k: int) -> Ranking:
        """The k best chunks of the queries of these numbers; all that a reranker has read, if any."""
        if self._reranked is not None:
            ids = [self._reranked.ids[number] for number in numbers]
            return Ranking(ids, [self._reranked.scores[number] for number in numbers])
        ranked = self._ranker.rank(self.queries.some(numbers), k, self._options, self._filter, self._fused)
        self._remember(numbers, ranked)
        return ranked.ranking

    def groups(self, k: int, facts_of: FactsCache) -> list[list[Group]]:
        """The k best groups of each query; each chunk is one by itself where the options group nothing."""
        count = len(self.queries.texts)
        if self._options.group != "off":
            folding = folding_of(self._options.group, self._ranker.few_documents)
            return grouped(self.rank, count, k, facts_of, folding)
        return [groups[:k] for groups in ungrouped(self.rank(range(count), k))]

    def ranked_query(self, number: int, groups: Sequence[Group]) -> RankedQuery:
        """One query with its groups and what its last ranking was made of."""
        vectors = self.queries.some([number]).sparse
        return RankedQuery(self.queries.texts[number], vectors, groups, self._parts[number])

    def _read(self, reranker: CrossEncoder) -> Ranking:
        depth = self._options.rerank_depth
        ranked = self._ranker.rank(self.queries, depth, self._options, self._filter, max(depth, self._fused))
        numbers = range(len(self.queries.texts))
        parts = {**ranked.parts, self._options.mode: ranked.ranking}
        self._remember(numbers, Ranked(ranked.ranking, parts))
        ids = list(dict.fromkeys(each for ids in ranked.ranking.ids for each in ids))
        contents = {chunk.id: chunk.content for chunk in self._ranker.engine.fetch(ids)}
        queries = [texts[0][0] for texts in self.queries.texts]
        return rerank(queries, ranked.ranking, contents, reranker)

    def _remember(self, numbers: Sequence[int], ranked: Ranked) -> None:
        for row, number in enumerate(numbers):
            self._parts[number] = {name: row_of(ranking, row) for name, ranking in ranked.parts.items()}


def as_filter(filter: Filter | str) -> Filter:
    """A filter as a tree. Raises InputError for a text that cannot be read."""
    if isinstance(filter, str):
        return parse_filter(filter)
    return filter


def require_text(query: str) -> None:
    """Raises InputError for bytes that are no text: Python hands them on as lone surrogates."""
    try:
        query.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"the query is not UTF-8 at character {error.start + 1}", "type it again") from None


def require_words(query: str) -> None:
    """Raises InputError for an empty query."""
    if not query.strip():
        raise InputError("the query is empty", "type some words, such as: how to reset a password")
