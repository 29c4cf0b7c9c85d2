"""Retrieval measures of a run against qrels, by ir-measures over trec_eval.

Names are the field's: MRR@10, P@5, nDCG@10, Recall@100, MAP. Means are over all judged queries: one that a
run lacks counts as 0. Ties are ranked as trec_eval does, by document id descending.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from splade_cli.datasets.formats.trec import Run
from splade_cli.errors import OptionError
from splade_cli.evaluation.measures.notation import MEASURES, higher_is_better, parse_measure
from splade_cli.evaluation.measures.per_query import PerQuery, per_query
from splade_cli.records import Hit, Ranking

__all__ = [
    "MEASURES",
    "PerQuery",
    "below_thresholds",
    "means",
    "parse_measure",
    "parse_thresholds",
    "per_query",
    "run_of",
    "run_of_ranking",
]


def means(values: PerQuery) -> dict[str, float]:
    """The mean of each measure over its queries."""
    return {name: float(np.mean(list(by_query.values()))) for name, by_query in values.items()}


def run_of(
    queries: Sequence[str],
    hits: Sequence[Sequence[Hit]],
    documents: Mapping[str, str],
    depth: int,
    twins: Collection[str] = (),
) -> Run:
    """A run from the hits of a search. What was folded into a hit stands directly behind it.

    Args:
        queries: ids.
        documents: the documents of the chunks that were folded into hits.
        depth: documents kept a query.
        twins: queries that are documents of the same id, which are no results of themselves.
    """
    run: Run = {}
    for query, ranked_hits in zip(queries, hits, strict=True):
        scores: dict[str, float] = {}
        for hit in ranked_hits:
            score = np.float32(hit.score)
            scores.setdefault(hit.document_id, float(hit.score))
            for duplicate in hit.duplicates:
                score = np.nextafter(score, np.float32(-np.inf))
                scores.setdefault(documents[duplicate], float(score))
        if query in twins:
            scores.pop(query, None)
        run[query] = dict(list(scores.items())[:depth])
    return run


def run_of_ranking(
    queries: Sequence[str],
    ranking: Ranking,
    depth: int,
    documents: Mapping[str, str] | None = None,
    twins: Collection[str] = (),
) -> Run:
    """A run from ranked texts; a document with several chunks keeps its best one (MaxP).

    Args:
        queries: ids.
        depth: documents kept a query.
        documents: the documents of the chunks, where it is chunks that were ranked.
        twins: as in `run_of`.
    """
    run: Run = {}
    for query, ids, scores in zip(queries, ranking.ids, ranking.scores, strict=True):
        names: Sequence[str] = ids
        if documents is not None:
            names = [documents[chunk] for chunk in ids]
        best: dict[str, float] = {}
        for name, score in zip(names, scores.tolist(), strict=True):
            best.setdefault(name, score)
        if query in twins:
            best.pop(query, None)
        run[query] = dict(list(best.items())[:depth])
    return run


def parse_thresholds(settings: Sequence[str]) -> dict[str, float]:
    """``["nDCG@10=0.45"]`` as ``{"nDCG@10": 0.45}``. Raises InputError for another shape."""
    thresholds: dict[str, float] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        try:
            threshold = float(value)
        except ValueError:
            threshold = math.nan
        if not math.isfinite(threshold):
            raise OptionError(f"a threshold is MEASURE=VALUE, not '{setting}'", "e.g. nDCG@10=0.45")
        thresholds[name.strip()] = threshold
    return thresholds


def below_thresholds(figures: Mapping[str, float], thresholds: Mapping[str, float]) -> list[str]:
    """A sentence for each measure that misses its threshold: below it, or above it where less is better."""
    missed = []
    for name, threshold in thresholds.items():
        if not higher_is_better(name):
            if figures[name] > threshold:
                missed.append(f"{name} is {figures[name]:.4f}, above {threshold:g}")
        elif figures[name] < threshold:
            missed.append(f"{name} is {figures[name]:.4f}, below {threshold:g}")
    return missed
