"""What tuning measured, on a terminal: a table, and what is advised in words and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from splade_cli.cli.render.console import out

if TYPE_CHECKING:
    from splade_cli.evaluation.tuning.settings import Setting
    from splade_cli.evaluation.tuning.tune import Measured, Tuning

FEW_QUERIES = 50
FASTER = 0.8
"""A setting is worth a word for its speed where a query takes less than this share of the time."""


def tuning(measured: Tuning, name: str) -> None:
    """All settings, the advised one in bold, those that lose dimmed."""
    out.print(f"[bold]{escape(name)}[/]: {measured.queries} queries")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(("", "nDCG@10", "p", "MB", "ms", "terms", "")):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in measured.rows:
        if row is measured.cheapest:
            table.add_row(*_cells(row), "advised", style="bold")
        elif row.as_good:
            table.add_row(*_cells(row), "")
        else:
            table.add_row(*_cells(row), "loses", style="dim")
    out.print(table)
    out.print(advice(measured), markup=False)


def flags(setting: Setting) -> str:
    """What to add to ``splade index``, for two steps to ``splade search``; empty for the full index."""
    words = []
    for name, value in (
        ("--prune-terms", setting.prune_terms),
        ("--prune-mass", setting.prune_mass),
        ("--impacts", setting.impacts),
    ):
        if value is not None:
            words.append(f"{name} {value:g}")
    if setting.two_step is not None:
        words.append(
            f"--backend two-step={setting.two_step.document_terms}:{setting.two_step.query_terms or 0}"
        )
    return " ".join(words)


def advice(measured: Tuning) -> str:
    """What is recommended, and why."""
    return verdict(measured) + faster(measured)


def verdict(measured: Tuning) -> str:
    """What is recommended, and why."""
    full = measured.full
    best = measured.cheapest
    few = " (too few queries to be sure)" if measured.queries < FEW_QUERIES else ""
    if best is full:
        text = (
            f"keep the full index: everything smaller loses nDCG@10 on these {measured.queries} queries{few}"
        )
    else:
        assert best.versus is not None
        text = (
            f"{flags(best.setting)} is the smallest index that loses nothing measurable on "
            f"{measured.queries} queries{few}: nDCG@10 {best.figure:.4f} against {full.figure:.4f} "
            f"(p = {best.versus.p_value:.2f}), {best.megabytes:.1f} MB instead of {full.megabytes:.1f}, "
            f"{best.milliseconds:.2f} ms instead of {full.milliseconds:.2f}"
        )
    return text


def faster(measured: Tuning) -> str:
    """A setting that is worth a word for its speed; empty where none is."""
    best = measured.cheapest
    quick = measured.fastest
    if quick.milliseconds >= FASTER * best.milliseconds:
        return ""
    return (
        f". Faster, not smaller: {flags(quick.setting)}, {quick.milliseconds:.2f} ms, "
        f"{quick.megabytes:.1f} MB, nDCG@10 {quick.figure:.4f}"
    )


def _cells(row: Measured) -> list[str]:
    decimals = 2 if row.milliseconds >= 1 else 3
    return [
        escape(flags(row.setting) or "full"),
        f"{row.figure:.4f}",
        "" if row.versus is None else f"{row.versus.p_value:.4f}",
        f"{row.megabytes:.2f}",
        f"{row.milliseconds:.{decimals}f}",
        f"{row.terms:.1f}",
    ]
