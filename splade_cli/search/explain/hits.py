"""Hits from groups of ranked chunks: texts, snippets, terms that matched, and what parts of a fusion gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import scipy.sparse as sp

from splade_cli.engines.base import Engine, VectorStore, WordEngine
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Hit, Ranking, Term, WeightedText
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.explain.snippets import on_one_line, snippet
from splade_cli.search.explain.terms import QueryTerms, active_terms
from splade_cli.search.ranking.grouping import FactsCache, Group

HIGHLIGHTED_TERMS = 10


@dataclass(frozen=True)
class HitSource:
    """What hits are made from: the engine, the names of its columns, and what finds terms in texts."""

    engine: Engine
    vocabulary: Sequence[str]
    matcher: Callable[[], TermMatcher]


@dataclass(frozen=True)
class RankedQuery:
    """One query and what was ranked for it.

    Attributes:
        texts: the query itself and what an expansion adds.
        vector: CSR [1, V], None where no sparse vector was needed.
        groups: the hits to be.
        parts: ids and scores of the rankings that a fusion or a reranker was given, by name.
    """

    texts: Sequence[WeightedText]
    vector: sp.csr_matrix | None
    groups: Sequence[Group]
    parts: Mapping[str, tuple[Sequence[str], Sequence[float]]] = field(default_factory=dict)


def bare_hits(query: RankedQuery, facts_of: FactsCache) -> list[Hit]:
    """Hits without texts; `facts_of` knows the document of each group's chunk."""
    facts = facts_of([group.id for group in query.groups])
    return [
        Hit(
            id=group.id,
            rank=rank,
            score=group.score,
            text="",
            document_id=facts[group.id].document_id,
            windows=_windows(group),
            duplicates=group.duplicates,
        )
        for rank, group in enumerate(query.groups, 1)
    ]


def full_hits(query: RankedQuery, source: HitSource, *, words: bool, explain: bool) -> list[Hit]:
    """Hits with texts and snippets.

    Args:
        words: the ranking is by BM25, so words matched and no terms of a model.
        explain: give the terms that matched.
    """
    ids = [group.id for group in query.groups]
    chunks = source.engine.fetch(ids)
    matched = matched_terms(query, chunks, source, words=words)
    parts = _parts(query, set(ids))
    hits = []
    for rank, (group, chunk, terms) in enumerate(zip(query.groups, chunks, matched, strict=True), 1):
        names = [term.term for term in terms[:HIGHLIGHTED_TERMS]]
        if not names and query.vector is not None:
            names = [name for name, _ in active_terms(query.vector, source.vocabulary, HIGHLIGHTED_TERMS)]
        line = on_one_line(chunk.text)
        piece = snippet(line, source.matcher().words(line, names))
        hit = Hit(
            id=group.id,
            rank=rank,
            score=group.score,
            text=chunk.text,
            snippet=piece.text,
            highlights=piece.highlights,
            title=chunk.title,
            document_id=chunk.document_id,
            metadata=chunk.metadata,
            terms=terms if explain else (),
            parts=parts.get(group.id, {}),
            windows=_windows(group),
            duplicates=group.duplicates,
            headings=chunk.headings,
        )
        hits.append(hit)
    return hits


def matched_terms(
    query: RankedQuery, chunks: Sequence[Chunk], source: HitSource, *, words: bool
) -> list[tuple[Term, ...]]:
    """What a query and each chunk share: words for BM25, else terms of the model.

    Dense vectors share nothing that has a name.
    """
    ids = [chunk.id for chunk in chunks]
    if words:
        explained = cast(WordEngine, source.engine).explain_words(query.texts, ids)
        return [
            tuple(Term(word, left, right, left * right, True, True) for word, left, right in shared)
            for shared in explained
        ]
    if query.vector is None or "vectors" not in source.engine.capabilities:
        return [()] * len(ids)
    matcher = source.matcher()
    query_terms = QueryTerms(query.vector, source.vocabulary)
    names = query_terms.names
    # what an expansion rule added was said by its author, not by the model
    in_query = matcher.literal(names, *(text for text, _ in query.texts))
    stored = cast(VectorStore, source.engine).vectors(ids)
    terms = []
    for row, chunk in enumerate(chunks):
        in_document = matcher.literal(names, chunk.title, on_one_line(chunk.text))
        terms.append(query_terms.shared(stored, row, in_query, in_document))
    return terms


def _parts(query: RankedQuery, ids: set[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Rank and score of each of `ids` by part."""
    parts: dict[str, dict[str, dict[str, float]]] = {}
    for name, (ranked, scores) in query.parts.items():
        for rank, (each, score) in enumerate(zip(ranked, scores, strict=True), 1):
            if each in ids:
                parts.setdefault(each, {})[name] = {"rank": rank, "score": float(score)}
    return parts


def _windows(group: Group) -> tuple[str, ...]:
    return tuple(chunk for chunk in group.chunks if chunk != group.id)


def stored_vector(engine: Engine, chunk_id: str) -> sp.csr_matrix:
    """The vector [1, V] of a stored text. Raises InputError where the engine gives none."""
    if "vectors" not in engine.capabilities:
        raise InputError("this engine does not hand out its vectors", "give the text instead of the id")
    return cast(VectorStore, engine).vectors([chunk_id])


def row_of(ranking: Ranking, number: int) -> tuple[Sequence[str], Sequence[float]]:
    """One query's ids and scores."""
    return ranking.ids[number], ranking.scores[number].tolist()
