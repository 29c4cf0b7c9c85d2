"""Failure analysis on a terminal: how often each cause is one, and the worst queries with deciding terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.plain import one_line
from splade_cli.evaluation.analysis.lost import CAUSES

if TYPE_CHECKING:
    from splade_cli.evaluation.analysis.lost import Analysis, LostQuery

SHOWN = 5
LONGEST = 70
"""Characters shown of a query."""


def analysis(found: Analysis) -> None:
    """The causes, the worst queries, the frequent terms."""
    out.print()
    out.print(f"[bold]{found.lost}[/] queries of {escape(found.system)} below {escape(found.measure)} 1")
    for cause, count in found.causes.items():
        out.print(f"  {count:>4}  {cause}: {CAUSES[cause]}", markup=False)
    for lost in found.queries[:SHOWN]:
        _query(lost, found.baseline)
    if found.frequent_terms:
        shown = ", ".join(f"{term} {share:.0%}" for term, share in found.frequent_terms)
        out.print(f"terms in many texts: {shown}", style="dim", markup=False)
    if found.lost > SHOWN:
        note(f"{found.lost - SHOWN} more queries: --report and --json have {len(found.queries)}")


def _query(lost: LostQuery, baseline: str) -> None:
    line = one_line(lost.query)
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - 3]}..."
    out.print(f"[bold]{escape(line)}[/] ({escape(lost.query_id)})", soft_wrap=True)
    said = f"  {lost.value:.4f}"
    if lost.difference is not None:
        said += f", {lost.difference:+.4f} against {baseline}"
    rank = "not ranked" if lost.rank is None else f"rank {lost.rank}"
    said += f"; relevant: {lost.relevant} ({rank})"
    if lost.above:
        said += f"; above it: {lost.above}"
    out.print(said, markup=False, soft_wrap=True)
    if lost.terms:
        terms = ", ".join(f"{each.term} {each.above:.2f} against {each.relevant:.2f}" for each in lost.terms)
        out.print(f"  decided by {terms}", markup=False, soft_wrap=True)
    if lost.causes:
        out.print(f"  {', '.join(lost.causes)}", style="dim", markup=False)
