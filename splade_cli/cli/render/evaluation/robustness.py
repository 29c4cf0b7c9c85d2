"""Robustness on a terminal: a row a system, what it reaches with misspelled queries, and in other words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.evaluation.report import draw

if TYPE_CHECKING:
    from splade_cli.evaluation.analysis.robustness import Robustness

INTERVAL = ("from", "to")
"""The report has it."""


def robustness(found: Robustness) -> None:
    """The table of one kind of change, and what was changed."""
    out.print()
    out.print(f"[bold]{found.kind}[/] in {found.changed} of {found.queries} queries", highlight=False)
    if found.systems:
        table = found.table()
        draw(table.only([name for name in table.names if name not in INTERVAL]))
    note(f"{found.kind}: {found.how}")
