"""Imported runs: what another system ranked, as a row beside what is ranked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Run, as_word
from splade_cli.errors import InputError
from splade_cli.evaluation.measures.notation import parse_measure
from splade_cli.evaluation.metrics import means, per_query
from splade_cli.evaluation.report import SystemResult


@dataclass(frozen=True)
class ImportedRun:
    """The figures of a run, and what is to be said of it, in sentences."""

    result: SystemResult
    notes: tuple[str, ...]


def imported_run(
    name: str, run: Run, collection: Collection, measures: Sequence[str], depth: int
) -> ImportedRun:
    """Measures a run as it is, as trec_eval would; a query that it lacks counts as 0.

    Args:
        name: as the report calls it.
        depth: documents that the other systems rank for a query.

    Raises:
        InputError: it has none of the queries, or none of the documents.
    """
    queries = {as_word(query): query for query in collection.queries}
    documents = {as_word(document.id): document.id for document in collection.documents}
    known = {queries[query]: scores for query, scores in run.items() if query in queries}
    if not known:
        raise InputError(
            f"{name} has none of the queries of {collection.name} ({collection.split}), "
            f"but '{next(iter(run), '')}'",
            "a run is compared on the queries that it was made for",
        )
    own = {}
    for query, scores in known.items():
        renamed = {documents.get(word, word): score for word, score in scores.items()}
        if query in collection.twins:
            renamed.pop(query, None)
        own[query] = renamed
    ranked = {document for scores in own.values() for document in scores}
    if not ranked.intersection(documents.values()):
        raise InputError(
            f"{name} ranks none of the documents of {collection.name}, but '{min(ranked, default='')}'",
            "compare the ids",
        )
    values = per_query(own, collection.qrels, measures)
    result = SystemResult(name, means(values), values, run=own)
    return ImportedRun(result, _notes(name, own, collection, measures, depth))


def _notes(
    name: str,
    run: Mapping[str, Mapping[str, float]],
    collection: Collection,
    measures: Sequence[str],
    depth: int,
) -> tuple[str, ...]:
    notes = []
    missing = len(collection.queries) - len(run)
    if missing:
        notes.append(f"{name} lacks {missing} of {len(collection.queries)} queries, which count as 0")
    longest = max(map(len, run.values()), default=0)
    without_cutoff = [measure for measure in measures if parse_measure(measure)[1] is None]
    if longest > depth and without_cutoff:
        notes.append(
            f"{name} ranks up to {longest} documents a query, the others {depth}: "
            f"{', '.join(without_cutoff)} favours it"
        )
    return tuple(notes)
