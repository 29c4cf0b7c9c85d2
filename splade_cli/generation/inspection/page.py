"""Report on training data for readers: a `Page` of an inspection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from splade_cli.generation.inspection.report import Finding, Inspection, Lengths, Side
from splade_cli.generation.inspection.words import measured
from splade_cli.reports.page import Fact, NextStep, Page, Section
from splade_cli.reports.plot import Plot
from splade_cli.reports.table import Cell, Column, Table

SNIPPET = 400
"""Characters shown of a document."""
NEGATIVES = 3


def inspection_page(report: Inspection, next_step: NextStep | None = None) -> Page:
    """What was found in training data, for readers; `next_step` is the training that it is for."""
    sections = [Section("Sides of the split", _sides(report.sides))]
    for title, findings in (("What is odd", report.findings), ("On two sides of the split", report.leaks)):
        if findings:
            sections.append(Section(title, _findings(findings)))
    if report.faults:
        table = Table((Column("row"),), tuple((fault,) for fault in report.faults))
        sections.append(Section("Rows that cannot be read", table))
    kinds = _kinds(report.sides)
    if kinds.rows:
        sections.append(Section("Kinds of queries", kinds))
    if report.sample:
        sections.append(Section("Rows to read", _sample(report), "Drawn at random."))
    removed = [f"{count:,} rows are no training rows: {reason}" for reason, count in report.removed.items()]
    return Page(
        title=f"Training data: {PurePath(report.source).name}",
        subtitle=report.source,
        verdict=_verdict(report),
        paragraphs=tuple(f"{line[0].upper()}{line[1:]}." for line in measured(report)),
        facts=_facts(report),
        next_step=next_step,
        plots=tuple(_lengths(report.sides)),
        sections=tuple(sections),
        notes=tuple(removed),
    )


def _verdict(report: Inspection) -> str:
    """How many rows there are, and whether they can be trained on as they are."""
    if not report.rows:
        return "There is no row to train on."
    rows = ", ".join(f"{side.rows:,} in {side.name}" for side in report.sides)
    trouble = []
    if report.faults:
        trouble.append(f"{len(report.faults):,} rows cannot be read")
    if report.leaks:
        trouble.append(
            f"{sum(leak.count for leak in report.leaks):,} texts or rows stand on two sides of the split"
        )
    if report.findings:
        odd = len(report.findings)
        trouble.append("one thing is odd" if odd == 1 else f"{odd} things are odd")
    if not trouble:
        return f"{report.rows:,} rows ({rows}), and nothing odd about them."
    return f"{report.rows:,} rows ({rows}); look at these first: {'; '.join(trouble)}."


def _facts(report: Inspection) -> tuple[Fact, ...]:
    if not report.sides:
        return ()
    first = report.sides[0]
    facts = [
        Fact("rows", f"{report.rows:,}", "of all sides"),
        Fact("different queries", f"{first.queries:,}", first.name),
        Fact("negatives a row", f"{first.negatives / max(1, first.rows):.1f}", first.name),
    ]
    if report.bm25 is not None:
        facts.append(Fact("positive first by BM25", f"{report.bm25.first:.0%}", "of rows with negatives"))
    return tuple(facts)


def _lengths(sides: Sequence[Side]) -> list[Plot]:
    """Histograms of the words of queries, positives and negatives, of the first side."""
    plots = []
    for side in sides[:1]:
        kinds = (
            ("queries", side.query_words),
            ("positives", side.positive_words),
            ("negatives", side.negative_words),
        )
        for number, (texts, lengths) in enumerate(kinds):
            if lengths is not None:
                title = f"Words of {texts}, {side.name}"
                plots.append(lengths.histogram.plot(title, _told(lengths), "words", texts, number))
    return plots


def _told(lengths: Lengths) -> str:
    return (
        f"{lengths.median:g} words in the middle, from {lengths.least:,} to {lengths.most:,}; 95% of the "
        f"{lengths.texts:,} texts have no more than {lengths.p95:.0f}."
    )


def _sides(sides: Sequence[Side]) -> Table:
    counts = ("rows", "different queries", "different positives", "negatives", "without one", "with scores")
    words = ("words of a query", "of a positive", "of a negative")
    columns = [Column("side"), *(Column(name, ",.0f") for name in counts)]
    columns += [Column(f"{name}, median", ",.0f") for name in words]
    rows: list[tuple[Cell, ...]] = []
    for side in sides:
        lengths = (side.query_words, side.positive_words, side.negative_words)
        medians = [None if each is None else each.median for each in lengths]
        numbers = (
            side.rows,
            side.queries,
            side.positives,
            side.negatives,
            side.without_negatives,
            side.scored,
        )
        rows.append((side.name, *numbers, *medians))
    return Table(tuple(columns), tuple(rows))


def _findings(findings: Sequence[Finding]) -> Table:
    columns = (Column("what"), Column("how many", ",.0f"), Column("the first of them"))
    return Table(columns, tuple((each.what, each.count, ", ".join(each.examples)) for each in findings))


def _kinds(sides: Sequence[Side]) -> Table:
    kinds = dict.fromkeys(kind for side in sides for kind in side.kinds)
    columns = (Column("kind"), *(Column(side.name, ",.0f") for side in sides))
    return Table(columns, tuple((kind, *(side.kinds.get(kind, 0) for side in sides)) for kind in kinds))


def _sample(report: Inspection) -> Table:
    columns = (Column("where"), Column("query"), Column("kind"), Column("positive"), Column("negatives"))
    rows: list[tuple[Cell, ...]] = []
    for row in report.sample:
        example = row.example
        negatives = " · ".join(map(_snippet, example.negatives[:NEGATIVES]))
        rows.append((row.where, example.query, example.query_type, _snippet(example.positive), negatives))
    return Table(columns, tuple(rows))


def _snippet(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET else f"{line[: SNIPPET - 1]}…"
