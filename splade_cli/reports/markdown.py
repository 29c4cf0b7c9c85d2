"""Rendering of a report as Markdown: the same paragraphs and figures, plots as tables."""

from __future__ import annotations

from collections.abc import Sequence

from splade_cli.reports.page import GENERATOR, Page, Section
from splade_cli.reports.side_by_side import QUERIES, Ranked, RankedQuery, SideBySide
from splade_cli.reports.table import Cell, Column, Table

SHOWN_QUERIES = 20
SHOWN_HITS = 10
"""Queries whose hits are shown."""
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#~"})


def markdown(page: Page) -> str:
    """The page in Markdown, with tables as GitHub has them."""
    blocks = [f"<!-- {GENERATOR} -->", f"# {text(page.title)}", text(page.subtitle)]
    blocks.append(f"**{text(page.verdict)}**")
    blocks += map(text, page.paragraphs)
    if page.facts:
        facts = [f"- {text(each.name)}: **{text(each.value)}** {text(each.remark)}" for each in page.facts]
        blocks.append("\n".join(fact.rstrip() for fact in facts))
    if page.next_step is not None:
        blocks += [f"Next: {text(page.next_step.sentence)}", _code(page.next_step.command)]
    if page.notes:
        blocks.append("\n".join(f"- {text(note)}" for note in page.notes))
    for section in page.sections:
        blocks += _section(section)
    for plot in page.plots:
        blocks += [f"## {text(plot.title)}", text(plot.description)]
        if not plot.listed_in:
            blocks.append(table(plot.table()))
    if page.hits is not None:
        blocks += _hits(page.hits)
    return "\n\n".join(block for block in blocks if block) + "\n"


def text(words: str) -> str:
    """Words in one line, with nothing that Markdown or HTML would take for more than words."""
    return " ".join(words.split()).translate(_SPECIAL)


def table(figures: Table, shown: int | None = None) -> str:
    """A table; numbers to the right."""
    marks = []
    for number in range(len(figures.columns)):
        numeric = any(isinstance(row[number], int | float) for row in figures.rows)
        marks.append("---:" if numeric else "---")
    lines = [_row(figures.names), f"| {' | '.join(marks)} |"]
    lines += [_row(row) for row in figures.texts()[:shown]]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(text(cell) for cell in cells)} |"


def _code(command: str) -> str:
    return f"    {' '.join(command.split())}"


def _section(section: Section) -> list[str]:
    rows = len(section.table.rows)
    blocks = [f"## {text(section.title)}", text(section.remark), table(section.table, section.shown)]
    if section.shown is not None and rows > section.shown:
        blocks.append(f"{rows - section.shown} rows more are in the HTML page.")
    return blocks


def _hits(hits: SideBySide) -> list[str]:
    """The queries, and what the first two systems found for the first of them."""
    queries = Section(QUERIES, hits.table(), hits.remark, SHOWN_QUERIES)
    blocks = _section(queries)
    for query in hits.queries[:SHOWN_HITS]:
        blocks += [f"### {text(query.text)}", table(_ranks(hits, query))]
    return blocks


def _ranks(hits: SideBySide, query: RankedQuery) -> Table:
    """A row a rank: what each of the first two systems has there, and the grade of what is relevant."""
    columns = [Column("rank")]
    columns += [Column(name) for name in hits.systems[:2]]
    lists = query.first[:2]
    rows: list[tuple[Cell, ...]] = []
    for rank in range(max(map(len, lists), default=0)):
        found = [_named(hits, query, ranked[rank]) if rank < len(ranked) else "" for ranked in lists]
        rows.append((rank + 1, *found))
    return Table(tuple(columns), tuple(rows))


def _named(hits: SideBySide, query: RankedQuery, hit: Ranked) -> str:
    document = hits.documents[hit.document]
    name = f"{document.id}: {document.title}" if document.title else document.id
    grade = query.grades.get(hit.document, 0)
    return f"{name} ({hit.score:.4g}{f', relevant, grade {grade:g}' if grade > 0 else ''})"
