"""Printing of `splade evaluate`: reports, tables of benchmarks, and sparsity on texts, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from splade_cli.cli.render.console import note, out
from splade_cli.cli.render.evaluation.analysis import analysis
from splade_cli.cli.render.evaluation.report import draw, report
from splade_cli.cli.render.evaluation.robustness import robustness
from splade_cli.cli.render.plain import one_line
from splade_cli.evaluation.benchmarks.tables import nano_table, of_other_languages, task_table

if TYPE_CHECKING:
    from splade_cli.evaluation.measurement import Measurement
    from splade_cli.evaluation.sparsity_analysis import SparsityAnalysis
    from splade_cli.reports.table import Table

SHOWN_TEXTS = 10
SHOWN_TERMS = 6
LONGEST = 60
"""Characters shown of a text."""


def measurement(measured: Measurement) -> None:
    """All that was measured."""
    for sparsity in (measured.sparsity, measured.baseline_sparsity):
        if sparsity is not None:
            _sparsity(sparsity)
    if measured.report is not None:
        report(measured.report)
        if measured.report.analysis is not None:
            analysis(measured.report.analysis)
        for each in measured.report.robustness:
            robustness(each)
    if measured.nano_beir:
        on = measured.nano_beir[0].compared_on
        _titled(on, nano_table(measured.nano_beir, on))
        _significant(measured)
    if measured.tasks:
        _titled("MTEB", task_table(measured.tasks, measured.baseline_tasks))
        others = of_other_languages(measured.tasks, measured.baseline_tasks)
        if others:
            note(f"the baseline was measured in other languages: {', '.join(others)}")
        missing = {score.task for score in measured.tasks} - {score.task for score in measured.baseline_tasks}
        if measured.baseline_tasks and missing:
            note(f"the baseline has no results on {', '.join(sorted(missing))}")


def _titled(title: str, table: Table) -> None:
    out.print(f"[bold]{escape(title)}[/]")
    draw(table)


def _significant(measured: Measurement) -> None:
    """A line a collection on which the first system and another differ by more than chance."""
    for each in measured.nano_beir:
        for system in each.systems:
            if system.versus is not None and system.versus.significant:
                lead = f"{system.versus.difference:+.4f}, p = {system.versus.p_value:.4f}"
                note(f"{each.collection}: {each.compared_on} over {system.name}: {lead}")


def _sparsity(analysis: SparsityAnalysis) -> None:
    out.print(f"[bold]{escape(analysis.model)}[/]: {len(analysis.texts)} texts, as documents and as queries")
    for kind, counted in (("document", analysis.documents), ("query", analysis.queries)):
        out.print(
            f"{kind:<9} {counted.mean:.1f} of {analysis.dimensions} terms active, {counted.zeros:.2%} zeros "
            f"(median {counted.median:.0f}, 95th percentile {counted.p95:.0f})",
            style="dim",
            soft_wrap=True,
        )
    out.print(f"FLOPS     {analysis.flops:.2f}", style="dim")
    for text in analysis.texts[:SHOWN_TEXTS]:
        out.print(f"[bold]{escape(_short(text.text))}[/]", soft_wrap=True)
        out.print(
            f"  {text.terms} terms, as a query {text.query_terms}; {text.zeros:.2%} zeros; "
            f"weights {text.smallest:.4f} to {text.largest:.4f}",
            soft_wrap=True,
        )
        out.print(f"  {escape(_heaviest(text.heaviest))}", soft_wrap=True)
    hidden = len(analysis.texts) - SHOWN_TEXTS
    if hidden > 0:
        note(f"{hidden} more texts: --json has them")


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _heaviest(terms: Sequence[tuple[str, float]]) -> str:
    if not terms:
        return "no term is active"
    return ", ".join(f"{name} {weight:.2f}" for name, weight in terms[:SHOWN_TERMS])
