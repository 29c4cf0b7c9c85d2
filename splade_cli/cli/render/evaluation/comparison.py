"""Saved evaluations on a terminal: a table of figures, and one of differences, p-values, wins and losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.evaluation.report import draw, fitting, labelled_width

if TYPE_CHECKING:
    from splade_cli.evaluation.report import Report


def comparison(compared: Report) -> None:
    """Figures of all systems, then how each stands to the first."""
    facts = f"{compared.documents} documents, {compared.queries} queries"
    out.print(f"[bold]{escape(compared.collection)}[/] ({escape(compared.split)}): {facts}")
    quality = compared.quality_table()
    every = [name for name in quality.names if name not in ("system", "gain", "p")]
    measures = fitting(every, out.width - labelled_width(compared), first=compared.compared_on)
    draw(quality.only(["system", *measures]))
    missing = [name for name in every if name not in measures]
    if missing:
        out.print(f"no room for {', '.join(missing)}: --json has them", style="dim", markup=False)
    tested = compared.comparison_table()
    if tested.rows:
        out.print()
        out.print(f"{compared.compared_on} against {compared.systems[0].name}", style="dim", markup=False)
        draw(tested)
    for remark in compared.notes:
        note(remark)
