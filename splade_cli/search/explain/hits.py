"""Hits from groups of ranked chunks: texts, snippets, terms that matched, and what parts of a fusion gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

import scipy.sparse as sp

from splade_cli.engines.base import Engine, VectorStore, WordEngine
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Hit, Ranking, Term, WeightedText, Window, within
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.explain.shown_terms import whole_words
from splade_cli.search.explain.snippets import snippet
from splade_cli.search.explain.term_names import WordsByPiece, by_last_piece, continues_a_word
from splade_cli.search.explain.terms import QueryTerms, SharedTerm, Vector, active_terms
from splade_cli.search.explain.unmarked import on_one_line
from splade_cli.search.ranking.grouping import FactsCache, Group
from splade_cli.search.recent import RecentlyUsed

HIGHLIGHTED_TERMS = 10
SHOWN_WINDOWS = 2
WINDOW_COLUMNS = 100
TELLING = 0.1
"""Share of the largest contribution from which on the words of a term are highlighted."""
KEPT_TEXTS = 2048
_term = partial(tuple.__new__, Term)  # `_make` would be a call of Python for each


class StoredText(NamedTuple):
    """A chunk, and its text on one line."""

    chunk: Chunk
    line: str


class HitSource:
    """What hits are made from: the texts and vectors of an engine, the names of its columns, and what finds
    terms in texts. Texts and vectors that hits were made of are remembered.

    Args:
        engine: where they are stored, and stay what they are.
        vocabulary: names of the V columns; may be empty.
        matcher: what finds terms in texts; opened when first needed.
    """

    def __init__(self, engine: Engine, vocabulary: Sequence[str], matcher: Callable[[], TermMatcher]) -> None:
        self.engine = engine
        self.vocabulary = vocabulary
        self.matcher = matcher
        self.texts = RecentlyUsed(self._read_texts, KEPT_TEXTS)
        self.vectors = RecentlyUsed(self._read_vectors, KEPT_TEXTS)

    def _read_texts(self, ids: Sequence[str]) -> list[StoredText]:
        return [StoredText(chunk, _line_of(chunk)) for chunk in self.engine.fetch(ids)]

    def _read_vectors(self, ids: Sequence[str]) -> list[Vector]:
        stored = cast(VectorStore, self.engine).vectors(ids)
        stored.sort_indices()
        spans = zip(stored.indptr[:-1].tolist(), stored.indptr[1:].tolist(), strict=True)
        return [(stored.indices[start:end].copy(), stored.data[start:end].copy()) for start, end in spans]


def _line_of(chunk: Chunk) -> str:
    """A chunk on one line, without the title that it begins with, which stands above it."""
    line = on_one_line(chunk.text)
    if chunk.title and line.startswith(f"{chunk.title}: "):
        return line[len(chunk.title) + 2 :]
    return line


class RankedQuery(NamedTuple):
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
    parts: Mapping[str, tuple[Sequence[str], Sequence[float]]]


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
            windows=group.chunks[1:],
            duplicates=group.duplicates,
        )
        for rank, group in enumerate(query.groups, 1)
    ]


def full_hits(
    query: RankedQuery, source: HitSource, *, words: bool, explain: bool, details: bool = False
) -> list[Hit]:
    """Hits with texts and snippets.

    Args:
        words: the ranking is by BM25, so words matched and no terms of a model.
        explain: give the terms that matched.
        details: give the words of BM25 behind hits of a fusion, and the first windows of each, as well.
    """
    ids = [group.id for group in query.groups]
    texts = source.texts(ids)
    shared_terms = matched_terms(query, ids, source, words=words)
    in_query: frozenset[str] = frozenset()
    parts = _parts(query, set(ids))
    matcher = source.matcher()
    none_shared: list[str] = []
    if query.vector is not None and not all(shared_terms):
        heaviest = active_terms(query.vector, source.vocabulary, HIGHLIGHTED_TERMS)
        none_shared = [name for name, _ in heaviest]
    met = {term[0] for shared in shared_terms for term in shared}
    later_pieces: frozenset[str] = frozenset()
    pieced: WordsByPiece = {}
    of_bm25: Mapping[str, tuple[Term, ...]] = {}
    windows: Mapping[str, tuple[Window, ...]] = {}
    if details:
        windows = _windows_shown(query, source, words=words)
        if "bm25" in query.parts:
            of_bm25 = _words_behind(query, ids, source)
    sought = matcher.seek([*met, *none_shared])
    if explain and not words:
        # what an expansion rule added was said by its author, not by the model
        in_query = matcher.literal(met, *[text for text, _ in query.texts])
        later_pieces = frozenset([name for name in met if continues_a_word(name)])
        pieced = by_last_piece(matcher.pieced_words(*[text for text, _ in query.texts]))
    hits = []
    for rank, (group, shared) in enumerate(zip(query.groups, shared_terms, strict=True), 1):
        chunk, line = texts[group.id]
        highlighted = telling(shared) or none_shared
        piece = snippet(line, sought.words(line, highlighted))
        terms: tuple[Term, ...] = ()
        if explain and words:
            terms = tuple([Term(*term, True, True) for term in shared])
        elif explain and shared:
            names = [term[0] for term in shared]
            in_document = matcher.literal(names, line, chunk.title)
            words_of: Mapping[str, str] = {}
            if not later_pieces.isdisjoint(names):
                words_of = whole_words(names, pieced, matcher.words_by_last_piece(line))
            terms = tuple(
                [
                    _term((*term, name in in_query, name in in_document, words_of.get(name, "")))
                    for name, term in zip(names, shared, strict=True)
                ]
            )
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
            terms=terms,
            parts=parts.get(group.id, {}),
            windows=group.chunks[1:],
            duplicates=group.duplicates,
            headings=chunk.headings,
            words=of_bm25.get(group.id, ()),
            shown_windows=windows.get(group.id, ()),
        )
        hits.append(hit)
    return hits


def _windows_shown(query: RankedQuery, source: HitSource, *, words: bool) -> dict[str, tuple[Window, ...]]:
    """The first windows of each group, by the group's chunk."""
    listed = {group.id: group.chunks[1 : 1 + SHOWN_WINDOWS] for group in query.groups}
    ids = [window for windows in listed.values() for window in windows]
    if not ids:
        return {}
    texts = source.texts(ids)
    matched = matched_terms(query, ids, source, words=words)
    sought = source.matcher().seek([term[0] for shared in matched for term in shared])
    made: dict[str, Window] = {}
    for each, shared in zip(ids, matched, strict=True):
        chunk, line = texts[each]
        piece = snippet(line, sought.words(line, telling(shared)), WINDOW_COLUMNS)
        made[each] = Window(each, within(chunk.metadata, chunk.headings), piece.text, piece.highlights)
    return {each: tuple([made[window] for window in windows]) for each, windows in listed.items()}


def telling(shared: Sequence[SharedTerm]) -> list[str]:
    """The names of the terms that a hit is highlighted for; `shared` has the largest contribution first."""
    if not shared:
        return []
    least = TELLING * shared[0][3]
    return [term[0] for term in shared[:HIGHLIGHTED_TERMS] if term[3] >= least]


def _words_behind(query: RankedQuery, ids: Sequence[str], source: HitSource) -> dict[str, tuple[Term, ...]]:
    """The words of BM25 that those of `ids` share with a query which its ranking has."""
    ranked = set(query.parts["bm25"][0])
    there = [each for each in ids if each in ranked]
    explained = cast(WordEngine, source.engine).explain_words(query.texts, there)
    behind = {}
    for each, shared in zip(there, explained, strict=True):
        behind[each] = tuple(
            [Term(word, left, right, left * right, True, True) for word, left, right in shared]
        )
    return behind


def matched_terms(
    query: RankedQuery, ids: Sequence[str], source: HitSource, *, words: bool
) -> list[list[SharedTerm]]:
    """What a query and each chunk share: words for BM25, else terms of the model.

    Dense vectors share nothing that has a name.
    """
    if words:
        explained = cast(WordEngine, source.engine).explain_words(query.texts, ids)
        return [[(word, left, right, left * right) for word, left, right in shared] for shared in explained]
    if query.vector is None or "vectors" not in source.engine.capabilities:
        return [[] for _ in ids]
    vectors = source.vectors(ids)
    return QueryTerms(query.vector, source.vocabulary).shared([vectors[each] for each in ids])


def _parts(query: RankedQuery, ids: set[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Rank and score of each of `ids` by part."""
    parts: dict[str, dict[str, dict[str, float]]] = {}
    for name, (ranked, scores) in query.parts.items():
        for rank, (each, score) in enumerate(zip(ranked, scores, strict=True), 1):
            if each in ids:
                parts.setdefault(each, {})[name] = {"rank": rank, "score": float(score)}
    return parts


def stored_vector(engine: Engine, chunk_id: str) -> sp.csr_matrix:
    """The vector [1, V] of a stored text. Raises InputError where the engine gives none."""
    if "vectors" not in engine.capabilities:
        raise InputError("this engine does not hand out its vectors", "give the text instead of the id")
    return cast(VectorStore, engine).vectors([chunk_id])


def row_of(ranking: Ranking, number: int) -> tuple[Sequence[str], Sequence[float]]:
    """One query's ids and scores."""
    return ranking.ids[number], ranking.scores[number].tolist()
