"""Robustness for readers: what misspelled queries, and queries in other words, cost each system."""

from __future__ import annotations

from splade_cli.evaluation.analysis.robustness import TYPOS, Robustness
from splade_cli.evaluation.report import Report
from splade_cli.reports.page import Section

TITLES = {TYPOS: "Spelling mistakes in the queries"}
OTHER_WORDS = "The same queries in other words"


def robust(report: Report) -> list[Section]:
    """A table a kind of change that was asked for."""
    return [
        Section(TITLES.get(each.kind, OTHER_WORDS), each.table(), _remark(each))
        for each in report.robustness
        if each.systems
    ]


def robust_words(report: Report, other: str) -> list[str]:
    """A sentence a kind of change: what it costs the first system, and the `other` one beside it."""
    return [_sentence(each, other) for each in report.robustness if each.systems]


def _sentence(found: Robustness, other: str) -> str:
    first = found.systems[0]
    what = "spelling mistakes" if found.kind == TYPOS else "other words for the same"
    sure = "" if first.versus.significant else ", which may be chance"
    said = f"With {what}, in {found.changed:,} of {found.queries:,} queries, {first.name} reaches "
    said += f"{first.after:.3f} {found.measure} instead of {first.before:.3f}{sure}"
    beside = next((each for each in found.systems[1:] if each.name == other), None)
    if beside is not None:
        said += f"; {beside.name} {beside.after:.3f} instead of {beside.before:.3f}"
    return f"{said}."


def _remark(found: Robustness) -> str:
    said = f"Changed: {found.how}."
    shown = "; ".join(f"“{before.strip()}” as “{after.strip()}”" for before, after in found.examples)
    return f"{said} For example {shown}." if shown else said
