"""Error analysis: the queries that a system lost, with what it ranked above the relevant documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.datasets.formats.trec import ranked
from splade_cli.datasets.lost_queries import LostQuery, write_lost_queries
from splade_cli.evaluation.report import SystemResult
from splade_cli.records import Document

LOOKED_AT = 10
"""Results of a query among which documents that stand above a relevant one are looked for."""


def lost_queries(result: SystemResult, collection: Collection, measure: str, below: float) -> list[LostQuery]:
    """The queries for which a system stays below a bound, the worst first.

    Args:
        result: with its run and its values by query.
        measure: one that was measured, e.g. ``nDCG@10``.
        below: values from here on are not lost.
    """
    documents = {document.id: document for document in collection.documents}
    lost = []
    for query_id, value in result.values[measure].items():
        if value >= below:
            continue
        grades = collection.qrels[query_id]
        relevant = [name for name, grade in grades.items() if grade > 0]
        above = _ranked_above(result.run.get(query_id, {}), grades)
        lost.append(
            LostQuery(
                query_id,
                collection.queries[query_id],
                measure,
                value,
                _known(relevant, documents),
                _known(above, documents),
            )
        )
    lost.sort(key=lambda one: one.value)
    return [one for one in lost if one.relevant]


def write_failures(
    path: Path, result: SystemResult, data: Path | str | Collection, split: str, measure: str, below: float
) -> int:
    """Writes `lost_queries` of a collection's split; returns how many there are."""
    collection = data if isinstance(data, Collection) else load_collection(data, split)
    lost = lost_queries(result, collection, measure, below)
    write_lost_queries(path, lost)
    return len(lost)


def _ranked_above(scores: Mapping[str, float], grades: Mapping[str, float]) -> list[str]:
    """Documents among the first results that are not relevant, and stand above one that is."""
    first = [name for name, _ in ranked(scores.items())[:LOOKED_AT]]
    places = [place for place, name in enumerate(first) if grades.get(name, 0) > 0]
    last = LOOKED_AT
    if len(places) == sum(grade > 0 for grade in grades.values()):
        last = max(places)
    return [name for name in first[:last] if grades.get(name, 0) <= 0]


def _known(names: list[str], documents: Mapping[str, Document]) -> tuple[Document, ...]:
    return tuple(documents[name] for name in names if name in documents)
