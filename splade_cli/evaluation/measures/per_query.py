"""Values of measures for each query, by ir-measures over trec_eval, and of those that it does not have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from splade_cli.datasets.formats.trec import Qrels, Run, ranked
from splade_cli.evaluation.measures.notation import MEASURES, notation, parse_measure

PerQuery = dict[str, dict[str, float]]
IntQrels = dict[str, dict[str, int]]


def per_query(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> PerQuery:
    """``{measure: {query: value}}`` for every judged query; one that a run lacks has 0.

    nDCG's gain is the grade itself, a fraction as well [Järvelin and Kekäläinen 2002, with trec_eval's
    log2(rank + 1) discount]. Measures of relevance alone count a document as relevant where its grade is
    above 0.
    """
    import ir_measures

    whole = _whole_grades(qrels)
    values: PerQuery = {name: dict.fromkeys(qrels, 0.0) for name in measures}
    names_of: dict[ir_measures.Measure, list[str]] = {}
    for name in measures:
        base, cutoff = parse_measure(name)
        if base == "Unjudged":
            assert cutoff is not None
            values[name] = unjudged(run, qrels, cutoff)
        elif base in ("nDCG", "nDCG(judged_only=True)") and whole is not qrels:
            values[name] = graded_ndcg(run, qrels, cutoff, judged_only=base != "nDCG")
        elif base.startswith("RR") and cutoff:
            # trec_eval has no cutoff for it, and another tool another rule for ties: cut the run instead
            cut = _cut(run, cutoff, qrels if "judged_only=True" in base else None)
            for metric in ir_measures.iter_calc([ir_measures.parse_measure(base)], whole, cut):
                values[name][metric.query_id] = metric.value
        else:
            measure = ir_measures.parse_measure(notation(base, cutoff))
            names_of.setdefault(measure, []).append(name)
    if names_of:
        for metric in ir_measures.iter_calc(list(names_of), whole, run):
            for name in names_of[metric.measure]:
                if metric.query_id in qrels:
                    values[name][metric.query_id] = metric.value
    return values


def unjudged(run: Run, qrels: Qrels, cutoff: int) -> dict[str, float]:
    """Share of a query's first `cutoff` results that are not judged; 0 where it has no result."""
    shares = dict.fromkeys(qrels, 0.0)
    for query, grades in qrels.items():
        first = [document for document, _ in ranked(run.get(query, {}).items())[:cutoff]]
        if first:
            shares[query] = sum(document not in grades for document in first) / len(first)
    return shares


def graded_ndcg(run: Run, qrels: Qrels, cutoff: int | None, judged_only: bool = False) -> dict[str, float]:
    """nDCG with gains that may be fractions: sum of grade / log2(rank + 1), over that of the ideal order."""
    values = {}
    for query, grades in qrels.items():
        ranking = [document for document, _ in ranked(run.get(query, {}).items())]
        if judged_only:
            ranking = [document for document in ranking if document in grades]
        ideal = _gain(sorted(grades.values(), reverse=True), cutoff)
        reached = _gain([grades.get(document, 0) for document in ranking], cutoff)
        values[query] = reached / ideal if ideal else 0.0
    return values


def _gain(grades: Sequence[float], cutoff: int | None) -> float:
    return math.fsum(
        max(0.0, grade) / math.log2(rank + 1) for rank, grade in enumerate(grades[:cutoff], 1) if grade > 0
    )


def _whole_grades(qrels: Qrels) -> Qrels | IntQrels:
    """The same where all grades are whole numbers; else rounded down, what is above 0 to 1 at least."""
    if all(isinstance(grade, int) for grades in qrels.values() for grade in grades.values()):
        return qrels
    return {query: {name: _whole(grade) for name, grade in grades.items()} for query, grades in qrels.items()}


def _whole(grade: float) -> int:
    return 1 if 0 < grade < 1 else math.floor(grade)


def _cut(run: Run, cutoff: int, judged: Mapping[str, Mapping[str, float]] | None) -> Run:
    """The first `cutoff` documents of each query, of those that `judged` has where it is given."""
    first = {}
    for query, scores in run.items():
        kept = ranked(scores.items())
        if judged is not None:
            kept = [pair for pair in kept if pair[0] in judged.get(query, {})]
        first[query] = dict(kept[:cutoff])
    return first
