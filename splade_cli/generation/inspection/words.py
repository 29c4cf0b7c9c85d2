"""Findings of an inspection in sentences."""

from __future__ import annotations

from splade_cli.generation.inspection.report import Inspection


def measured(report: Inspection) -> list[str]:
    """Overlap of words, and how hard negatives are, as far as it was measured."""
    lines = []
    shared = report.overlap
    if shared is not None:
        line = f"{_percent(shared.positive)} of a query's words stand in its positive"
        if shared.negative is not None:
            line += f", {_percent(shared.negative)} in a negative"
        lines.append(
            f"{line}; all of them in {_percent(shared.all_terms / shared.rows)} of the positives, none in "
            f"{_percent(shared.no_term / shared.rows)} (stems in {report.language}, stop words left out)"
        )
    if report.bm25 is not None:
        hard = report.bm25
        lines.append(
            f"BM25 puts the positive first in {_percent(hard.first)} of {hard.rows:,} rows; it takes "
            f"{_percent(hard.above)} of the negatives for at least as good, and {_percent(hard.no_word)} "
            "share no word with the query"
        )
    if report.teacher is not None:
        taught = report.teacher
        lines.append(
            f"by the scores of {taught.rows:,} rows a positive is {taught.margin:.3f} above a negative; "
            f"{_percent(taught.above)} of the negatives score as high, {_percent(taught.near)} above 95%"
        )
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
