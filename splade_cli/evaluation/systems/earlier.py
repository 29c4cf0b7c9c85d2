"""Earlier results: the first system of a report as a row beside what is measured now."""

from __future__ import annotations

from collections.abc import Sequence

from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.report import Report, SystemResult

REPORTED = ", as reported"
"""Ends the name of earlier results."""
AGAIN = "write the report anew, or name the model itself as the baseline"


def require_comparable(report: Report, collection: Collection, measure: str) -> None:
    """Raises InputError where a report is not on the queries of `collection`, or lacks `measure`."""
    first = report.systems[0]
    if report.fingerprint:
        if report.fingerprint != collection.fingerprint:
            raise InputError(
                f"the report on {report.collection} ({report.split}) is of other documents, queries or "
                f"judgements than {collection.name} ({collection.split}) has now",
                AGAIN,
            )
    elif (report.collection, report.split) != (collection.name, collection.split):
        raise InputError(
            f"the report is on {report.collection} ({report.split}), "
            f"not on {collection.name} ({collection.split})",
            "results can be compared on the same queries only",
        )
    if measure not in first.figures:
        raise InputError(
            f"the report has no {measure}, but {', '.join(first.figures)}",
            AGAIN,
        )
    if report.queries != len(collection.queries):
        raise InputError(
            f"the report is on {report.queries} queries, {collection.name} has {len(collection.queries)}",
            AGAIN,
        )
    judged = first.values.get(measure)
    if judged is not None and judged.keys() != collection.queries.keys():
        raise InputError(f"the report is on other queries than those of {collection.name}", AGAIN)


def earlier_result(report: Report, measures: Sequence[str]) -> SystemResult:
    """What a report says of its first system, in `measures`; its costs are those of another time."""
    first = report.systems[0]
    figures = {name: first.figures[name] for name in measures if name in first.figures}
    values = {name: first.values[name] for name in figures if name in first.values}
    return SystemResult(first.name + REPORTED, figures, values, options=first.options)
