"""Failure analysis for readers: how often each cause is one, and the queries with what decided them."""

from __future__ import annotations

from splade_cli.evaluation.analysis.lost import CAUSES, Analysis, LostQuery
from splade_cli.evaluation.report import Report
from splade_cli.reports.page import Section
from splade_cli.reports.table import Cell, Column, Table

SHOWN = 20


def why(report: Report) -> list[Section]:
    """The analysis of a report, where it has one: causes, lost queries, frequent terms."""
    analysis = report.analysis
    if analysis is None:
        return []
    remark = f"{analysis.lost:,} queries of {analysis.system} are below {analysis.measure} 1."
    sections = [Section("Why queries are lost", _causes(analysis), remark)]
    if analysis.queries:
        remark = "Deciding terms: what each adds to the document above, and to the relevant one."
        sections.append(Section("Lost queries", _queries(analysis), remark, SHOWN))
    if analysis.frequent_terms:
        table = Table((Column("term"), Column("share of texts", ".0%")), tuple(analysis.frequent_terms))
        sections.append(Section("Terms in many texts", table, "They tell few texts apart."))
    return sections


def _causes(analysis: Analysis) -> Table:
    columns = (Column("cause"), Column("queries", ",.0f"), Column("what it is"))
    return Table(
        columns, tuple((cause, count, CAUSES.get(cause, "")) for cause, count in analysis.causes.items())
    )


def _queries(analysis: Analysis) -> Table:
    against = f"against {analysis.baseline}" if analysis.baseline else "difference"
    columns = (
        Column("query"),
        Column("text"),
        Column(analysis.measure, ".4f"),
        Column(against, "+.4f"),
        Column("relevant"),
        Column("rank", ",.0f"),
        Column("above it"),
        Column("deciding terms"),
        Column("likely causes"),
    )
    return Table(columns, tuple(_row(query) for query in analysis.queries))


def _row(query: LostQuery) -> tuple[Cell, ...]:
    terms = ", ".join(f"{each.term} {each.above:.2f} against {each.relevant:.2f}" for each in query.terms)
    causes = ", ".join(query.causes)
    documents = (query.relevant, query.rank, query.above)
    return (query.query_id, query.query, query.value, query.difference, *documents, terms, causes)
