"""What `splade inspect` found, on a terminal: a table of the sides, what is odd, and rows to read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from splade_cli.cli.render.console import NARROW, note, out
from splade_cli.cli.render.plain import one_line
from splade_cli.datasets.formats.relevance_table import SUFFIXES, has_table_columns
from splade_cli.generation.inspection.words import measured

if TYPE_CHECKING:
    from splade_cli.generation.inspection.report import Finding, Inspection, Lengths, SampleRow, Side

SHOWN_FAULTS = 5
SHOWN_NEGATIVES = 2
SNIPPET = 160
"""Characters shown of a document."""


def inspection(report: Inspection) -> None:
    """All of it; what is odd before the rows."""
    for fault in report.faults[:SHOWN_FAULTS]:
        note(one_line(fault))
    if len(report.faults) > SHOWN_FAULTS:
        note(f"and {len(report.faults) - SHOWN_FAULTS} rows more that cannot be read")
    if report.removed:
        removed = ", ".join(f"{count} {reason}" for reason, count in report.removed.items())
        note(f"no training rows: {removed}")
    if not report.rows:
        return
    _sides(report.sides)
    for line in measured(report):
        out.print(line, markup=False)
    _findings("found", report.findings)
    if len(report.sides) > 1:
        _findings("on two sides of the split", report.leaks)
    for row in report.sample:
        _row(row)


def next_command(report: Inspection) -> str:
    """The training that the rows are for."""
    path = Path(report.source)
    if path.is_file() and path.suffix in SUFFIXES and not has_table_columns(path):
        return f"splade train --set datasets.own.source={shlex.quote(report.source)} -o model"
    train = report.source
    val = ""
    if path.is_dir():
        named = [next(iter(sorted(path.glob(f"{side}.*"))), None) for side in ("train", "val")]
        if named[0] is not None:
            train = str(named[0])
        if named[1] is not None:
            val = f" --val-file {shlex.quote(str(named[1]))}"
    return f"splade train --train-file {shlex.quote(train)}{val} -o model"


def _sides(sides: Sequence[Side]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(("", *(side.name for side in sides))):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    facts: list[tuple[str, list[str]]] = [
        ("rows", [f"{side.rows:,}" for side in sides]),
        ("different queries", [f"{side.queries:,}" for side in sides]),
        ("different positives", [f"{side.positives:,}" for side in sides]),
        ("negatives a row", [f"{side.negatives / max(1, side.rows):.2f}" for side in sides]),
        ("rows without a negative", [f"{side.without_negatives:,}" for side in sides]),
        ("rows with scores", [f"{side.scored:,}" for side in sides]),
        ("words of a query", [_lengths(side.query_words) for side in sides]),
        ("words of a positive", [_lengths(side.positive_words) for side in sides]),
        ("words of a negative", [_lengths(side.negative_words) for side in sides]),
    ]
    kinds = dict.fromkeys(kind for side in sides for kind in side.kinds)
    facts += [(f"kind: {kind}", [f"{side.kinds.get(kind, 0):,}" for side in sides]) for kind in kinds]
    for name, values in facts:
        table.add_row(Text(one_line(name)), *values)
    out.print(table)
    note("words of a text: the median (the fewest - the most, 95% of the texts have no more than)")


def _lengths(lengths: Lengths | None) -> str:
    if lengths is None:
        return "-"
    if out.width < NARROW:
        return f"{lengths.median:g}"
    return f"{lengths.median:g} ({lengths.least}-{lengths.most}, 95%: {lengths.p95:.0f})"


def _findings(title: str, findings: Sequence[Finding]) -> None:
    if not findings:
        out.print(f"{title}: nothing")
        return
    out.print(f"[bold]{title}[/]")
    for finding in findings:
        more = ", ..." if finding.count > len(finding.examples) else ""
        places = ", ".join(finding.examples)
        out.print(f"  {finding.count:,} x {finding.what} ({places}{more})", markup=False)


def _row(row: SampleRow) -> None:
    example = row.example
    kind = f" ({one_line(example.query_type)})" if example.query_type else ""
    out.print()
    out.print(Text.assemble((f"{row.where}  ", "dim"), (one_line(example.query), "bold"), (kind, "dim")))
    scores = example.scores or ()
    for number, text in enumerate((example.positive, *example.negatives[:SHOWN_NEGATIVES])):
        mark = "-" if number else "+"
        score = f" {scores[number]:.3f}" if number < len(scores) else ""
        out.print(f"  {mark}{score} {_snippet(text)}", markup=False)
    hidden = len(example.negatives) - SHOWN_NEGATIVES
    if hidden > 0:
        out.print(f"  - and {hidden} more", style="dim")


def _snippet(text: str) -> str:
    line = " ".join(one_line(text).split())
    if len(line) <= SNIPPET:
        return line
    return line[: SNIPPET - 3] + "..."
