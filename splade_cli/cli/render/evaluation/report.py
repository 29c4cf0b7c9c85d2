"""Tables of a report on a terminal.

Few systems stand side by side. Where they do not fit they stand below each other, with the measures that do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table as RichTable

from splade_cli.cli.render.console import note, out
from splade_cli.evaluation.measures.notation import OF_JUDGEMENTS

if TYPE_CHECKING:
    from splade_cli.evaluation.report import Report, SystemResult
    from splade_cli.reports.table import Table

LAST = ("nDCG@10", "MRR@10", "Recall@100", "MAP", "Recall@10", "P@1", "P@10", "P@5", "P@3", *OF_JUDGEMENTS)
"""The usual measures, the one that goes first for want of room last."""
NAME = 26
WINS = "+/=/-"
GAP = 2
FIGURE = 7
NOT_MEASURES = ("system", "gain", "p")
NARROW_COSTS = (
    "system",
    "active terms, query",
    "active terms, document",
    "FLOPS",
    "index, MB",
    "query p50, ms",
    "query p95, ms",
)
"""The costs that go below each other; the others are in the report."""


def report(measured: Report) -> None:
    """Measures of all systems, the cost of the sparse ones, and what the differences are worth."""
    facts = [f"{measured.documents} documents", f"{measured.queries} queries"]
    if measured.device:
        facts.append(escape(measured.device))
    out.print(f"[bold]{escape(measured.collection)}[/] ({escape(measured.split)}): {', '.join(facts)}")
    label = max(map(len, measured.cost_table().names))
    width = label + sum(GAP + max(len(system.name), FIGURE) for system in measured.systems)
    if width <= out.width:
        _side_by_side(measured)
    else:
        _below_each_other(measured, out.width)
    if measured.machine is not None:
        note(f"measured on {measured.machine.sentence}")
    for remark in measured.notes:
        note(remark)
    if measured.fitted is not None:
        (fitted,) = [system for system in measured.systems if system.name == "hybrid, fitted"]
        note(f"to search with the fitted weights: {_flags(fitted)}")


def _flags(system: SystemResult) -> str:
    """The search options of a hybrid as flags of `splade search`."""
    weights = system.options["weights"]
    assert isinstance(weights, dict)
    shares = ",".join(f"{part}={weight:g}" for part, weight in weights.items())
    flags = f"--mode hybrid --weights {shares}"
    if "idf_exponent" in system.options:
        flags += f" --idf {system.options['idf_exponent']:g}"
    return flags


def _side_by_side(measured: Report) -> None:
    """A column a system; measures, then costs, as rows."""
    names = [system.name for system in measured.systems]
    table = _table("", *names)
    quality = measured.quality_table()
    measures = [name for name in quality.names if name not in NOT_MEASURES]
    for name, cells in zip(measures, zip(*quality.only(measures).texts(), strict=True), strict=True):
        table.add_row(name, *cells)
    table.add_section()
    costs = measured.cost_table()
    known = iter(costs.texts())
    none = [""] * len(costs.names)
    by_system = [none if system.cost is None else next(known) for system in measured.systems]
    for name, cells in zip(costs.names[1:], list(zip(*by_system, strict=True))[1:], strict=True):
        table.add_row(name, *cells, style="dim")
    out.print(table)
    for system in measured.systems:
        if system.versus is not None:
            out.print(_versus(system, measured.compared_on), markup=False)


def _versus(system: SystemResult, measure: str) -> str:
    versus = system.versus
    assert versus is not None
    verdict = "significant" if versus.significant else "not significant: may be chance"
    return (
        f"{measure} over {system.name}: {versus.difference:+.4f} [{versus.low:+.4f}, {versus.high:+.4f}], "
        f"p = {versus.p:.4f}, {verdict} ({versus.better} queries better, {versus.ties} alike, "
        f"{versus.worse} worse)"
    )


def _below_each_other(measured: Report, width: int) -> None:
    """A row a system; as many measures as fit, the costs below."""
    quality = measured.quality_table()
    every = [name for name in quality.names if name not in NOT_MEASURES]
    longest = labelled_width(measured)
    counts = [_counts(system) for system in measured.systems]
    room = width - longest - 2 * GAP - 15
    wins = GAP + max(map(len, [WINS, *counts]))
    if room < wins:
        counts = [""] * len(counts)
        wins = 0
    measures = fitting(every, room - wins, measured.compared_on)
    beside = [WINS] if wins else []
    table = _table("", measures[0], "gain", "p", *beside, *measures[1:])
    table.columns[0].max_width = longest
    shown = quality.only(["system", measures[0], "gain", "p", *measures[1:]]).texts()
    for system, queries, (name, figure, gain, p, *others) in zip(
        measured.systems, counts, shown, strict=True
    ):
        if system.versus is not None and system.versus.significant:
            gain = f"[bold]{gain}[/]"
        table.add_row(escape(name), figure, gain, p, *([queries] if wins else []), *others)
    out.print(table)
    over = f"gain: {measured.compared_on} over {measured.systems[0].name}; by chance with probability p"
    out.print(f"{over}; queries better/alike/worse" if wins else over, style="dim", markup=False)
    missing = [name for name in every if name not in measures]
    if missing:
        out.print(f"no room for {', '.join(missing)}: --json has them", style="dim", markup=False)
    costs = measured.cost_table()
    if costs.rows:
        out.print()
        draw(costs.only(NARROW_COSTS), style="dim")


def _counts(system: SystemResult) -> str:
    """Queries that a system answers better than the first one, alike, and worse."""
    versus = system.versus
    return "" if versus is None else f"{versus.worse}/{versus.ties}/{versus.better}"


def draw(table: Table, style: str = "") -> None:
    """A table under the short names of its columns, the first without a name."""
    drawn = _table("", *(column.short or column.name for column in table.columns[1:]))
    drawn.columns[0].max_width = NAME
    for name, *cells in table.texts():
        drawn.add_row(escape(name), *cells, style=style)
    out.print(drawn)


def labelled_width(measured: Report) -> int:
    """Columns that the names of systems take where they stand below each other."""
    return min(NAME, max(len(system.name) for system in measured.systems))


def fitting(measures: list[str], room: int, first: str = LAST[0]) -> list[str]:
    """The `first` measure, then others that were asked for by name, then the usual ones, as many as fit."""

    def rank(name: str) -> tuple[bool, bool, int]:
        usual = name in LAST
        return name != first, usual, LAST.index(name) if usual else 0

    order = sorted(measures, key=rank)
    fitting = order[:1]
    used = GAP + max(FIGURE, len(order[0]))
    for name in order[1:]:
        used += GAP + max(FIGURE - 1, len(name))
        if used > room:
            break
        fitting.append(name)
    return fitting


def _table(*names: str) -> RichTable:
    table = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for number, name in enumerate(names):
        table.add_column(escape(name), justify="right" if number else "left", overflow="fold")
    return table
