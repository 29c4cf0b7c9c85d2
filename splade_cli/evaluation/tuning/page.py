"""Report on index settings for readers: a `Page` of what tuning measured."""

from __future__ import annotations

from collections.abc import Callable

from splade_cli.evaluation.pages.words import milliseconds
from splade_cli.evaluation.tuning.tune import MEASURE, TOLERANCE, Measured, Tuning
from splade_cli.reports.page import Fact, NextStep, Page, Section
from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.table import Cell, Column, Table

OTHERS = 6
"""Colour of the settings that are neither advised nor full."""


def tuning_page(tuned: Tuning, collection: str, verdict: str, next_step: NextStep | None = None) -> Page:
    """What smaller indexes cost, for readers.

    Args:
        collection: what it was measured on.
        verdict: what is advised, in words.
    """
    full = tuned.full
    best = tuned.cheapest
    said = [
        f"A setting is as good where it loses no more than {TOLERANCE:g} {MEASURE}, and nothing that is "
        "more than chance."
    ]
    if best is not full and best.versus is not None:
        versus = best.versus
        said.append(
            f"Advised is {best.setting.name}: {versus.difference:+.4f} {MEASURE} against the full index, "
            f"between {versus.low:+.4f} and {versus.high:+.4f} in truth (95% interval), "
            f"p = {versus.p_value:.2f}."
        )
    facts = (
        Fact(MEASURE, f"{best.figure:.4f}", f"full: {full.figure:.4f}"),
        Fact("megabytes", f"{best.megabytes:.2f}", f"full: {full.megabytes:.2f}"),
        Fact(
            "search of a query", milliseconds(best.milliseconds), f"full: {milliseconds(full.milliseconds)}"
        ),
        Fact("terms a text", f"{best.terms:.0f}", f"full: {full.terms:.0f}"),
    )
    return Page(
        title=f"Index settings on {collection}",
        subtitle=f"{len(tuned.rows)} settings, {tuned.queries:,} judged queries",
        verdict=verdict,
        paragraphs=tuple(said),
        facts=facts,
        next_step=next_step,
        plots=(
            _plot(tuned, "size", Axis("megabytes", ".2f", log=True), lambda row: row.megabytes),
            _plot(tuned, "time", Axis("milliseconds a query", ".3f", log=True), lambda row: row.milliseconds),
        ),
        sections=(Section("Settings", _table(tuned), "p: how probable such a loss is by chance."),),
    )


def _plot(tuned: Tuning, what: str, axis: Axis, cost_of: Callable[[Measured], float]) -> Plot:
    """nDCG@10 by one cost: the full index, the advised and the fastest setting by name."""
    named = {id(tuned.full): "full"}
    named.setdefault(id(tuned.cheapest), "advised")
    named.setdefault(id(tuned.fastest), "fastest")
    others = [row for row in tuned.rows if id(row) not in named]
    series = []
    if others:
        xs = tuple(cost_of(row) for row in others)
        names = tuple(row.setting.name for row in others)
        series.append(Series("other settings", xs, tuple(row.figure for row in others), OTHERS, names))
    known = [row for row in tuned.rows if id(row) in named]
    for number, row in enumerate(known):
        series.append(Series(named[id(row)], (cost_of(row),), (row.figure,), number))
    said = [f"{named[id(row)]} {row.figure:.4f} at {cost_of(row):.3g}" for row in known]
    description = f"{MEASURE} by {axis.name}; {'; '.join(said)}. Better is up, cheaper is left."
    return Plot(f"{MEASURE} against {what}", description, "points", axis, Axis(MEASURE, ".4f"), tuple(series))


def _table(tuned: Tuning) -> Table:
    columns = (
        Column("setting"),
        Column(MEASURE, ".4f"),
        Column("lead", "+.4f"),
        Column("p", ".4f"),
        Column("megabytes", ".2f"),
        Column("milliseconds", ".3f"),
        Column("terms a text", ".1f"),
        Column("which is"),
    )
    rows: list[tuple[Cell, ...]] = []
    for row in tuned.rows:
        lead = (None, None) if row.versus is None else (row.versus.difference, row.versus.p_value)
        costs = (row.megabytes, row.milliseconds, row.terms)
        rows.append((row.setting.name, row.figure, *lead, *costs, _standing(row, tuned)))
    return Table(columns, tuple(rows))


def _standing(row: Measured, tuned: Tuning) -> str:
    if row is tuned.cheapest:
        return "advised"
    if not row.as_good:
        return "loses"
    return "fastest" if row is tuned.fastest else "as good"
