"""The report of an evaluation, and of tuning, as a person reads it on a terminal. Knows no computation.

Few systems stand side by side. Where they do not fit they stand below each other, with the measures that do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from splade_cli.cli.render.console import note, out

if TYPE_CHECKING:
    from splade_cli.evaluation.costs import Cost
    from splade_cli.evaluation.report import Report
    from splade_cli.evaluation.systems import System
    from splade_cli.evaluation.tuning import Tuning

LAST = ("nDCG@10", "MRR@10", "Recall@100", "MAP", "Recall@10", "P@1", "P@10", "P@5", "P@3")
"""The usual measures, the one that goes first for want of room last."""
NAME, GAP = 26, 2
_COSTS: dict[str, Callable[[Cost], str]] = {
    "active terms, query": lambda cost: f"{cost.queries.mean:.1f}",
    "active terms, document": lambda cost: f"{cost.documents.mean:.1f}",
    "zeros in a document": lambda cost: f"{100 * cost.documents.zeros:.2f}%",
    "FLOPS": lambda cost: f"{cost.flops:.2f}",
    "postings, MB": lambda cost: f"{cost.index_megabytes:.2f}",
    "query p50 / p95, ms": lambda cost: f"{cost.total_p50:.1f} / {cost.total_p95:.1f}",
    "of that, encoding": lambda cost: f"{cost.encode_p50:.1f} / {cost.encode_p95:.1f}",
}


def report(measured: Report) -> None:
    """Measures of all systems, the cost of the sparse ones, and what the differences are worth."""
    out.print(
        f"[bold]{escape(measured.collection)}[/] ({escape(measured.split)}): {measured.documents} documents, "
        f"{measured.queries} queries, {escape(measured.device)}"
    )
    label = max(map(len, _COSTS))
    if label + sum(GAP + max(len(system.name), 7) for system in measured.systems) <= out.width:
        _side_by_side(measured.systems)
    else:
        _below_each_other(measured.systems, out.width)
    for remark in measured.notes:
        note(remark)


def tuning(measured: Tuning, name: str) -> None:
    """What each way to make an index smaller costs, and which is advised, in words too."""
    out.print(f"[bold]{escape(name)}[/]: {measured.queries} queries")
    table = _table("", "nDCG@10", "p", "MB", "ms", "terms", "")
    for row in measured.rows:
        best = row is measured.cheapest
        table.add_row(
            escape(row.setting.flags() or "full"),
            f"{row.figure:.4f}",
            f"{row.versus.p_value:.4f}" if row.versus else "",
            f"{row.megabytes:.2f}",
            f"{row.milliseconds:.2f}" if row.milliseconds >= 1 else f"{row.milliseconds:.3f}",
            f"{row.terms:.1f}",
            "advised" if best else "" if row.as_good else "loses",
            style="bold" if best else "" if row.as_good else "dim",
        )
    out.print(table)
    out.print(measured.sentence(), markup=False)


def _side_by_side(systems: Sequence[System]) -> None:
    table = _table("", *(system.name for system in systems))
    for name in systems[0].figures:
        table.add_row(name, *(f"{system.figures[name]:.4f}" for system in systems))
    table.add_section()
    for name, shown in _COSTS.items():
        table.add_row(name, *(shown(system.cost) if system.cost else "" for system in systems), style="dim")
    out.print(table)
    for system in systems[1:]:
        if system.versus:
            versus = system.versus
            verdict = "significant" if versus.significant else "not significant: may be chance"
            out.print(
                f"nDCG@10 over {system.name}: {versus.difference:+.4f} "
                f"[{versus.low:+.4f}, {versus.high:+.4f}], p = {versus.p_value:.4f}, {verdict} "
                f"({versus.better} queries better, {versus.worse} worse)",
                markup=False,
            )


def _below_each_other(systems: Sequence[System], width: int) -> None:
    named = min(NAME, max(len(system.name) for system in systems))
    measures = _fitting(list(systems[0].figures), width - named - 2 * GAP - 15)
    table = _table("", measures[0], "gain", "p", *measures[1:])
    table.columns[0].max_width = named
    for system in systems:
        versus = system.versus
        gain, chance = (f"{-versus.difference:+.4f}", f"{versus.p_value:.4f}") if versus else ("", "")
        figures = [f"{system.figures[name]:.4f}" for name in measures]
        style = "bold" if versus and versus.significant else ""
        table.add_row(
            escape(system.name), figures[0], f"[{style}]{gain}[/]" if style else gain, chance, *figures[1:]
        )
    out.print(table)
    out.print(
        f"gain: nDCG@10 over {systems[0].name}; by chance with probability p", style="dim", markup=False
    )
    missing = [name for name in systems[0].figures if name not in measures]
    if missing:
        out.print(f"no room for {', '.join(missing)}: --json has them", style="dim", markup=False)
    costs = [(system.name, system.cost) for system in systems if system.cost]
    if costs:
        out.print()
        _costs(costs)


def _costs(costs: Sequence[tuple[str, Cost]]) -> None:
    """The same figures for each system, whichever way they were laid out."""
    table = _table("", "query terms", "document terms", "FLOPS", "MB", "ms p50 / p95")
    table.columns[0].max_width = NAME
    keys = ("active terms, query", "active terms, document", "FLOPS", "postings, MB", "query p50 / p95, ms")
    for name, cost in costs:
        table.add_row(escape(name), *(_COSTS[key](cost) for key in keys), style="dim")
    out.print(table)


def _fitting(measures: list[str], room: int) -> list[str]:
    """nDCG@10 first, then measures that were asked for by name, then the usual ones, as many as fit in `room`."""
    order = sorted(
        measures, key=lambda name: (name != LAST[0], name in LAST, LAST.index(name) if name in LAST else 0)
    )
    kept, used = order[:1], GAP + max(7, len(order[0]))
    for name in order[1:]:
        used += GAP + max(6, len(name))
        if used > room:
            break
        kept.append(name)
    return kept


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for number, name in enumerate(names):
        table.add_column(escape(name), justify="right" if number else "left", overflow="fold")
    return table
