"""Systems under change: each ranks the same judged queries as they are misspelled or paraphrased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.analysis.paraphrases import how, with_paraphrases
from splade_cli.evaluation.analysis.rephrasing import kept_answers, rephrased
from splade_cli.evaluation.analysis.robustness import EXAMPLES, PARAPHRASES, TYPOS, Robustness, Shaken
from splade_cli.evaluation.analysis.typos import with_typos
from splade_cli.evaluation.metrics import means
from splade_cli.evaluation.options import EvaluationOptions
from splade_cli.evaluation.report import SystemResult
from splade_cli.evaluation.significance import compare, corrected
from splade_cli.evaluation.systems.system import Evaluator, HeldOutFusion, System
from splade_cli.progress import Progress

Measured = tuple[System, SystemResult]
"""A system, and what it reached with the queries as they are."""


@dataclass(frozen=True)
class Altered:
    """A collection with other texts of its queries; `kind` and `how` as in `Robustness`."""

    kind: str
    how: str
    collection: Collection


def alterations(wanted: EvaluationOptions, collection: Collection, progress: Progress) -> list[Altered]:
    """What was asked for. Raises as `rephrased` where a language model is to write and cannot."""
    made = []
    if wanted.typos:
        made.append(Altered(TYPOS, "about one mistake in 16 letters", with_typos(collection)))
    if wanted.paraphrases and wanted.rephrase is not None:
        with kept_answers(wanted.rephrase, wanted.cache) as cache:
            other = rephrased(collection, wanted.rephrase, cache, progress)
        made.append(Altered(PARAPHRASES, f"written by {wanted.rephrase.model}", other))
    elif wanted.paraphrases:
        made.append(Altered(PARAPHRASES, how(collection), with_paraphrases(collection)))
    return made


def robustness(
    altered: Altered, measured: Sequence[Measured], evaluator: Evaluator, measure: str
) -> Robustness:
    """What each system reaches with other texts of the queries; those that stay as they are are not asked
    again.

    Args:
        altered: of the collection of `evaluator`.
        measure: one of the values of each result.
    """
    before = evaluator.collection.queries
    queries = altered.collection.queries
    changed = {query: text for query, text in queries.items() if text != before[query]}
    shortest = sorted(changed, key=lambda query: (len(before[query]), query))[len(changed) // 4 :]
    examples = [(before[query], changed[query]) for query in shortest[:EXAMPLES]]
    found = Robustness(altered.kind, altered.how, measure, len(changed), len(before), tuple(examples))
    if not changed:
        return found
    qrels = {query: altered.collection.qrels[query] for query in changed}
    part = replace(altered.collection, queries=changed, qrels=qrels)
    asked = replace(evaluator, collection=part, measures=[measure])
    afters = []
    comparisons = []
    for system, result in measured:
        retriever = system.retriever
        if isinstance(retriever, HeldOutFusion):
            retriever = retriever.asked(changed)
        again = replace(system, name=f"{system.name}, {altered.kind}", retriever=retriever, cost=None)
        after = result.values[measure] | asked.result(again).values[measure]
        afters.append(means({measure: after})[measure])
        comparisons.append(compare(after, result.values[measure]))
    systems = tuple(
        Shaken(result.name, result.figures[measure], after, versus)
        for (_, result), after, versus in zip(measured, afters, corrected(comparisons), strict=True)
    )
    return replace(found, systems=systems)
