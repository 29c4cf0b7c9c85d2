"""Failure analysis of one system of an evaluation, from its run, the judgements and the sparse vectors."""

from __future__ import annotations

from collections import Counter
from typing import cast

import numpy as np

from splade_cli.corpus.segmentation.text_model import Tokens
from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import ranked
from splade_cli.engines.base import TermStatistics
from splade_cli.evaluation.analysis.causes import SparseView, causes_of
from splade_cli.evaluation.analysis.lost import CAUSES, UNJUDGED, Analysis, DecidingTerm, LostQuery
from splade_cli.evaluation.report import SystemResult
from splade_cli.records import Chunk
from splade_cli.search.explain.terms import term_name
from splade_cli.search.searcher import Searcher

LOOKED_AT = 10
"""Results of a query that are looked at."""
KEPT = 50
"""Queries that are told of; all are counted."""
FREQUENT = 0.2
"""Share of the texts from which on a term is frequent."""
FREQUENT_TERMS = 10
BEST = 1 - 1e-9


def analyze(
    result: SystemResult,
    baseline: SystemResult | None,
    collection: Collection,
    measure: str,
    searcher: Searcher | None = None,
    tokens: Tokens | None = None,
) -> Analysis:
    """Why a system falls short of the best value of a measure, query by query.

    Args:
        result: with its run and values.
        baseline: with values of the same queries.
        searcher: holds the sparse vectors that tell of terms, where its engine has them.
        tokens: of the model, where it read documents whole.
    """
    view = None
    if searcher is not None and "vectors" in searcher.engine.capabilities:
        exponent = result.options.get("idf_exponent")
        view = SparseView(searcher, float(exponent) if isinstance(exponent, int | float) else 0.0)
    texts = {each.id: Chunk(each.id, each.id, each.text, each.title).content for each in collection.documents}
    before = {} if baseline is None else baseline.values.get(measure, {})
    lost = []
    for query, value in result.values[measure].items():
        if value < BEST:
            lost.append(_lost(query, value, before.get(query), result, collection, texts, view, tokens))
    lost.sort(key=lambda each: (each.difference or 0.0, each.value, each.query_id))
    counts = Counter(cause for each in lost for cause in each.causes)
    return Analysis(
        measure=measure,
        system=result.name,
        baseline=baseline.name if baseline is not None and before else "",
        lost=len(lost),
        causes={cause: counts[cause] for cause in CAUSES},
        queries=tuple(lost[:KEPT]),
        frequent_terms=() if searcher is None else frequent_terms(searcher),
    )


def frequent_terms(searcher: Searcher) -> tuple[tuple[str, float], ...]:
    """The terms active in more than FREQUENT of the texts, with their shares; `splade terms` says more."""
    engine = searcher.engine
    if "frequencies" not in engine.capabilities or not len(engine):
        return ()
    shares = cast(TermStatistics, engine).document_frequencies() / len(engine)
    first = np.argsort(-shares, kind="stable")[:FREQUENT_TERMS].tolist()
    return tuple(
        (term_name(searcher.vocabulary, column), float(shares[column]))
        for column in first
        if shares[column] > FREQUENT
    )


def _lost(
    query: str,
    value: float,
    before: float | None,
    result: SystemResult,
    collection: Collection,
    texts: dict[str, str],
    view: SparseView | None,
    tokens: Tokens | None,
) -> LostQuery:
    grades = collection.qrels[query]
    ranking = [name for name, _ in ranked(result.run.get(query, {}).items())]
    ranks = {name: rank for rank, name in enumerate(ranking, 1)}
    relevant = [name for name, grade in grades.items() if grade > 0]
    relevant.sort(key=lambda name: (ranks.get(name, len(ranking) + 1), -grades[name], name))
    last = max((ranks[name] for name in relevant if name in ranks), default=len(ranking) + 1)
    if any(name not in ranks for name in relevant):
        last = len(ranking) + 1
    above = [name for name in ranking[: min(LOOKED_AT, last - 1)] if grades.get(name, 0) <= 0]
    missed = [name for name in relevant if ranks.get(name, LOOKED_AT + 1) > LOOKED_AT]
    text = collection.queries[query]
    vector = None if view is None else view.query(text)
    causes = causes_of(vector, missed, above, relevant, texts, view, tokens)
    if ranking and ranking[0] not in grades:
        causes.append(UNJUDGED)
    terms: tuple[DecidingTerm, ...] = ()
    if view is not None and vector is not None and above and relevant:
        # against the one that stands below it
        below = next((name for name in relevant if ranks.get(name, last) > ranks[above[0]]), relevant[0])
        terms = view.deciding(vector, above[0], below)
    return LostQuery(
        query_id=query,
        query=text,
        value=value,
        baseline=before,
        difference=None if before is None else value - before,
        relevant=relevant[0] if relevant else "",
        rank=ranks.get(relevant[0]) if relevant else None,
        above=above[0] if above else "",
        terms=terms,
        causes=tuple(causes),
    )
