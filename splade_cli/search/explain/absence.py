"""Why a document did not come up: its rank and score for a query, and the query's terms that it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from splade_cli.engines.base import Engine, Lexicon, VectorStore
from splade_cli.index.metadata.filters import And, Filter, Test, Value
from splade_cli.records import Hit, WeightedText
from splade_cli.search.batch import as_filter
from splade_cli.search.explain.hits import HitSource, RankedQuery, full_hits, row_of
from splade_cli.search.explain.terms import missing_terms
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.grouping import Group
from splade_cli.search.ranking.ranker import EncodedQueries, Ranker

DEPTH = 1000
"""Chunks that are ranked to find a rank."""
UNKNOWN = "no word of this query is in the index: these hits are the model's guess"
"""What is said of hits for `unknown_words` alone."""


def unknown_words(engine: Engine, text: str) -> list[str]:
    """The words of a text, as BM25 reads it, where none of them stands in the index; else nothing."""
    if "lexicon" not in engine.capabilities:
        return []
    counted = cast(Lexicon, engine).word_frequencies(text)
    return [] if any(counted.values()) else list(counted)


@dataclass(frozen=True)
class Absence:
    """How a document stands to a query, by the chunk of it that matches best.

    Attributes:
        hit: that chunk; its rank is 0 where it has none.
        rank: among the first `depth` chunks, None beyond them or where nothing matches.
        lacking: terms of the query that the chunk has not, with their weights.
        filtered: the filter keeps it out; the rank is the one that it would have without.
        depth: chunks that were ranked.
    """

    hit: Hit
    rank: int | None
    lacking: list[tuple[str, float]]
    filtered: bool = False
    depth: int = DEPTH


def absence_of(
    ranker: Ranker,
    source: HitSource,
    query: list[WeightedText],
    name: str,
    candidates: Sequence[str],
    options: SearchOptions,
) -> Absence:
    """How a document, or a chunk, stands to a query.

    Args:
        query: its text, and what an expansion adds.
        name: the id of the document or chunk.
        candidates: its chunks, or the chunk itself.
    """
    engine = ranker.engine
    only = _only(name, candidates)
    filter: Filter | None = None
    if options.filter is not None:
        filter = as_filter(options.filter)
    filtered = filter is not None and not engine.count(And((filter, only)))
    if filtered:
        filter = None
    encoded = ranker.encode([query], options)
    ranked = ranker.rank(encoded, DEPTH, options, filter)
    ids, scores = row_of(ranked.ranking, 0)
    positions = {each: position for position, each in enumerate(ids)}
    rank = min((positions[each] + 1 for each in candidates if each in positions), default=None)
    if rank is not None:
        group = Group(ids[rank - 1], scores[rank - 1], (ids[rank - 1],))
    else:
        group = _best_unranked(ranker, encoded, options, candidates, only)
    parts = {part: row_of(ranking, 0) for part, ranking in ranked.parts.items()}
    words = options.mode == "bm25"
    asked = RankedQuery(query, encoded.sparse, [group], parts)
    hit = full_hits(asked, source, words=words, explain=True, details=options.details)[0]
    lacking: list[tuple[str, float]] = []
    if "vectors" in engine.capabilities:
        vector = encoded.sparse
        if vector is None:
            vector = ranker.vectors([query], options.idf_exponent)
        stored = cast(VectorStore, engine).vectors([group.id])
        lacking = missing_terms(vector, stored, source.vocabulary)
    return Absence(replace(hit, rank=rank or 0), rank, lacking, filtered, DEPTH)


def _best_unranked(
    ranker: Ranker, queries: EncodedQueries, options: SearchOptions, candidates: Sequence[str], only: Filter
) -> Group:
    """The chunk of a document that matches best, where none is among the first; its score, if known."""
    first = Group(candidates[0], 0.0, (candidates[0],))
    if "filter" not in ranker.engine.capabilities:
        return first
    ids, scores = row_of(ranker.rank(queries, len(candidates), options, only).ranking, 0)
    if not ids:
        return first
    best = Group(ids[0], scores[0], (ids[0],))
    if options.mode == "hybrid":
        # scores of a fusion mean something only among all that was fused
        return best._replace(score=0.0)
    return best


def _only(name: str, candidates: Sequence[str]) -> Filter:
    """A filter that only the chunks of a document pass, or only one chunk."""
    field = "document_id"
    if list(candidates) == [name]:
        field = "id"
    return Test(field, "=", (Value(name, bare=False),))
