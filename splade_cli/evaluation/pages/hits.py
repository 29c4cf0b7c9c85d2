"""Hits side by side: the first documents of each system for the queries that lose most."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import ranked
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.records import Document
from splade_cli.reports.side_by_side import Ranked, RankedQuery, ShownDocument, SideBySide

HITS = 10
MOST_QUERIES = 1000
MOST_SYSTEMS = 6
ROOM = 2_000_000
"""Characters of all texts together: what keeps a page a few megabytes."""
LONGEST = 1200
SHORTEST = 80
"""Characters of one text."""
_HEADING = re.compile(r"^#+ +", re.MULTILINE)


def side_by_side(report: Report, other: SystemResult | None, collection: Collection) -> SideBySide | None:
    """Runs of a report on its collection; None where it has none, as a report that was read back.

    Args:
        other: the system that the first one is compared with; stands second.
    """
    first = report.systems[0]
    measure = report.compared_on
    systems = [first] if other is None else [first, other]
    systems += [system for system in report.systems if system not in systems]
    systems = [system for system in systems if system.run and measure in system.values][:MOST_SYSTEMS]
    if not systems:
        return None
    order = _worst_first(systems, measure)
    kept = order[:MOST_QUERIES]
    numbers: dict[str, int] = {}
    queries = [_query(query, systems, measure, collection, numbers) for query in kept]
    return SideBySide(
        measure=measure,
        systems=tuple(system.name for system in systems),
        documents=_shown(numbers, {document.id: document for document in collection.documents}),
        queries=tuple(queries),
        depth=max(len(scores) for system in systems for scores in system.run.values()),
        left_out=len(order) - len(kept),
    )


def _worst_first(systems: Sequence[SystemResult], measure: str) -> list[str]:
    """Queries by the lead of the first system over the second, the lowest first; of one system by its
    value."""
    values = systems[0].values[measure]
    if len(systems) == 1:
        return sorted(values, key=lambda query: values[query])
    others = systems[1].values[measure]
    return sorted(values, key=lambda query: (round(values[query] - others[query], 9), values[query]))


def _query(
    query: str,
    systems: Sequence[SystemResult],
    measure: str,
    collection: Collection,
    numbers: dict[str, int],
) -> RankedQuery:
    """One query; documents that it names first get a number in `numbers`."""
    grades = {name: grade for name, grade in collection.qrels[query].items() if grade > 0}
    first = []
    found = []
    for system in systems:
        hits = ranked(system.run.get(query, {}).items())
        first.append(tuple(Ranked(_number(name, numbers), score) for name, score in hits[:HITS]))
        ranks = {name: rank for rank, (name, _) in enumerate(hits, 1) if name in grades}
        found.append({_number(name, numbers): rank for name, rank in ranks.items()})
    return RankedQuery(
        id=query,
        text=collection.queries[query],
        values=tuple(system.values[measure][query] for system in systems),
        grades={_number(name, numbers): grade for name, grade in grades.items()},
        first=tuple(first),
        found=tuple(found),
    )


def _number(name: str, numbers: dict[str, int]) -> int:
    return numbers.setdefault(name, len(numbers))


def _shown(numbers: Mapping[str, int], documents: Mapping[str, Document]) -> tuple[ShownDocument, ...]:
    """The documents in the order of their numbers, as much of each as there is room for."""
    length = max(SHORTEST, min(LONGEST, ROOM // max(1, len(numbers))))
    shown = []
    for name in numbers:
        document = documents.get(name)
        if document is None:
            shown.append(ShownDocument(name, "", ""))
            continue
        text = " ".join(_HEADING.sub("", document.text[: 2 * length]).split())[:length]
        shown.append(ShownDocument(name, document.title, text))
    return tuple(shown)
