"""Tables of an evaluation for readers: what matters first, under names that need no notation."""

from __future__ import annotations

from dataclasses import replace

from splade_cli.evaluation.measures.notation import CONDENSED, UNJUDGED
from splade_cli.evaluation.pages.words import standing
from splade_cli.evaluation.report import Report
from splade_cli.reports.table import Cell, Column, Table

READABLE = {CONDENSED: "nDCG@10, judged only", UNJUDGED: "unjudged among 10"}
COSTS_FIRST = ("system", "query p50, ms", "query p95, ms", "index, MB")


def quality(report: Report) -> Table:
    """The quality table with what systems are compared on first, its gain and p beside it."""
    table = report.quality_table()
    first = ["system", report.compared_on, "gain", "p"]
    ordered = table.only([*first, *(name for name in table.names if name not in first)])
    columns = tuple(replace(each, name=READABLE.get(each.name, each.name)) for each in ordered.columns)
    return Table(columns, ordered.rows)


def costs(report: Report) -> Table:
    """The cost table, what is known of every system first."""
    table = report.cost_table()
    first = [name for name in COSTS_FIRST if name in table.names]
    return table.only([*first, *(name for name in table.names if name not in first)])


def differences(report: Report) -> Table:
    """A row a system that the first one is compared with."""
    columns = (
        Column("over"),
        Column("lead", "+.4f"),
        Column("from", "+.4f"),
        Column("to", "+.4f"),
        Column("p", ".4f"),
        Column("which is"),
        Column("queries better", ",.0f"),
        Column("worse", ",.0f"),
        Column("alike", ",.0f"),
    )
    rows: list[tuple[Cell, ...]] = []
    for system in report.systems[1:]:
        versus = system.versus
        if versus is not None:
            interval = (versus.difference, versus.low, versus.high, versus.p, standing(versus))
            alike = versus.queries - versus.better - versus.worse
            rows.append((system.name, *interval, versus.better, versus.worse, alike))
    return Table(columns, tuple(rows))
