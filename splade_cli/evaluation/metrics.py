"""Retrieval measures of a run against qrels, by ir-measures over trec_eval.

Names are the field's: MRR@10, P@5, nDCG@10, Recall@100, MAP. Means are over all judged queries: one that a
run lacks counts as 0. Ties are ranked as trec_eval does, by document id descending. nDCG's gain is the grade
itself [Järvelin and Kekäläinen 2002, with trec_eval's log2(rank + 1) discount].
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from splade_cli.datasets.formats.trec import Qrels, Run, ranked
from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import Hit, Ranking

MEASURES = ("nDCG@10", "MRR@10", "P@1", "P@3", "P@5", "P@10", "Recall@10", "Recall@100", "MAP")
PerQuery = dict[str, dict[str, float]]
_NAMES = {"mrr": "RR", "rr": "RR", "p": "P", "ndcg": "nDCG", "recall": "R", "r": "R", "map": "AP", "ap": "AP"}
_NAMES["success"] = _NAMES["hit"] = "Success"


def parse_measure(name: str) -> tuple[str, int | None]:
    """``nDCG@10`` to ir-measures' name and cutoff. Raises InputError for a measure that is not known."""
    match = re.fullmatch(r"([A-Za-z]+)(?:@(\d+))?", name.strip())
    if match is None or match.group(1).lower() not in _NAMES or match.group(2) == "0":
        hint = did_you_mean(name, MEASURES) or f"one of {', '.join(MEASURES)}"
        raise InputError(f"unknown measure '{name}'", hint)
    base = _NAMES[match.group(1).lower()]
    if match.group(2) is not None:
        return base, int(match.group(2))
    if base in ("P", "Success"):
        raise InputError(f"measure '{name}' needs a cutoff", f"e.g. {name}@10")
    return base, None


def per_query(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> PerQuery:
    """``{measure: {query: value}}`` for every judged query."""
    import ir_measures

    values: PerQuery = {name: dict.fromkeys(qrels, 0.0) for name in measures}
    names_of: dict[str, list[str]] = {}
    for name in measures:
        base, cutoff = parse_measure(name)
        if base == "RR" and cutoff:
            # trec_eval has no cutoff for it, and another tool another rule for ties: cut the run instead
            first = {query: dict(ranked(scores.items())[:cutoff]) for query, scores in run.items()}
            for metric in ir_measures.iter_calc([ir_measures.RR], qrels, first):
                values[name][metric.query_id] = metric.value
        else:
            notation = f"{base}@{cutoff}" if cutoff else base
            names_of.setdefault(notation, []).append(name)
    if names_of:
        parsed = [ir_measures.parse_measure(notation) for notation in names_of]
        for metric in ir_measures.iter_calc(parsed, qrels, run):
            for name in names_of[str(metric.measure)]:
                if metric.query_id in qrels:
                    values[name][metric.query_id] = metric.value
    return values


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
            raise InputError(f"a threshold is MEASURE=VALUE, not '{setting}'", "e.g. nDCG@10=0.45")
        thresholds[name.strip()] = threshold
    return thresholds


def below_thresholds(figures: Mapping[str, float], thresholds: Mapping[str, float]) -> list[str]:
    """A sentence for each measure below its threshold."""
    return [
        f"{name} is {figures[name]:.4f}, below {threshold:g}"
        for name, threshold in thresholds.items()
        if figures[name] < threshold
    ]
