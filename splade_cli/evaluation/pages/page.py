"""Report of an evaluation for readers: a `Page` of what was measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.benchmarks.tables import nano_table, task_table
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.pages import plots, tables
from splade_cli.evaluation.pages.hits import side_by_side
from splade_cli.evaluation.pages.robust import robust, robust_words
from splade_cli.evaluation.pages.why import why
from splade_cli.evaluation.pages.words import (
    alone,
    comparison,
    costs,
    few_queries,
    listed,
    milliseconds,
    verdict,
)
from splade_cli.evaluation.report import ALONE, Report, SystemResult
from splade_cli.evaluation.sparsity_analysis import SparsityAnalysis
from splade_cli.evaluation.systems.earlier import REPORTED
from splade_cli.reports.page import Fact, NextStep, Page, Section
from splade_cli.reports.plot import Plot
from splade_cli.reports.table import Cell, Column, Table

QUALITY = "Quality of ranking"
DIFFERENCES = "Differences, and whether they are sure"
COSTS = "Costs"
_FOLDERS = re.compile(r"(?<![^\s])/(?:[^/\s]+/)+(?=[^/\s]+/[^/\s]+)")
"""All but the last two names of an absolute path."""


def evaluation_page(
    measured: Measurement,
    collection: Collection | None = None,
    *,
    baseline: str = "",
    next_step: NextStep | None = None,
    curves: Sequence[Plot] = (),
) -> Page:
    """What was measured, for readers.

    Args:
        collection: that of the report, for hits and recall by depth.
        baseline: name of the system to look at beside the first one; by default BM25, or what stands second.
        next_step: what to do.
        curves: of the training of the model.
    """
    if measured.report is None:
        return _of_benchmarks(measured, next_step, curves)
    report = with_short_names(measured.report)
    other = rival(report, baseline)
    hits = None if collection is None else side_by_side(report, other, collection)
    drawn = plots.quality_against_costs(report)
    if other is not None:
        by_query = plots.differences(report, other, "Queries" if hits is not None else "")
        drawn += [] if by_query is None else [by_query]
    if collection is not None:
        recall = plots.recall_curves(report, collection.qrels)
        drawn += [] if recall is None else [recall]
    for system in report.systems:
        if system.cost is not None and system.cost.documents is not None:
            drawn += plots.active_terms(system.name, system.cost)
            break
    said = ["" if other is None else comparison(report, other), *alone(report)]
    said += [costs(report), few_queries(report)]
    said += robust_words(report, "" if other is None else other.name)
    facts = [f"{report.documents:,} documents", f"{report.queries:,} judged queries"]
    if report.device:
        facts.append(report.device)
    return Page(
        title=f"{report.systems[0].name} on {report.collection}",
        subtitle=f"Split {report.split}: {', '.join(facts)}",
        verdict=verdict(report),
        paragraphs=tuple(text for text in said if text),
        facts=_facts(report, other),
        next_step=next_step,
        plots=(*drawn, *curves),
        sections=(*_sections(report), *robust(report), *why(report), *_benchmarks(measured)),
        hits=hits,
        notes=(*(note for note in report.notes if ALONE not in note), *_machine(report)),
    )


def with_short_names(report: Report) -> Report:
    """Models in folders go by the last two names of their paths, as long as that tells the systems apart."""
    names = {system.name: _FOLDERS.sub("", system.name) for system in report.systems}
    if len(set(names.values())) < len(names):
        return report
    systems = tuple(replace(system, name=names[system.name]) for system in report.systems)
    notes = tuple(_FOLDERS.sub("", note) for note in report.notes)
    analysis = report.analysis
    if analysis is not None:
        system = _FOLDERS.sub("", analysis.system)
        analysis = replace(analysis, system=system, baseline=_FOLDERS.sub("", analysis.baseline))
    shaken = []
    for each in report.robustness:
        renamed = tuple(replace(one, name=_FOLDERS.sub("", one.name)) for one in each.systems)
        shaken.append(replace(each, systems=renamed))
    return replace(report, systems=systems, notes=notes, analysis=analysis, robustness=tuple(shaken))


def rival(report: Report, baseline: str = "") -> SystemResult | None:
    """The system to look at beside the first one: a baseline, else BM25, else the second."""
    others = [system for system in report.systems[1:] if report.compared_on in system.values]
    for is_wanted in (
        lambda name: name == baseline,
        lambda name: name.endswith(REPORTED),
        lambda name: name.startswith("BM25"),
    ):
        for system in others:
            if is_wanted(system.name):
                return system
    return others[0] if others else None


def _facts(report: Report, other: SystemResult | None) -> tuple[Fact, ...]:
    first = report.systems[0]
    measure = report.compared_on
    facts = [Fact(measure, f"{first.figures[measure]:.3f}", first.name)]
    if other is not None and other.versus is not None:
        sure = "sure" if other.versus.significant else "may be chance"
        facts.append(Fact(f"against {other.name}", f"{other.versus.difference:+.3f}".replace("-", "−"), sure))
    recall = next((name for name in first.figures if name.startswith("Recall")), None)
    if recall is not None:
        facts.append(Fact(recall, f"{first.figures[recall]:.3f}", "of what is relevant"))
    for system in report.systems:
        if system.cost is not None:
            cost = system.cost
            facts += [
                Fact("time of a query", milliseconds(cost.total_p50), f"{system.name}, median"),
                Fact("what it reads", f"{cost.index_megabytes:.1f} MB", "postings and dense vectors"),
            ]
            break
    return tuple(facts)


def _sections(report: Report) -> list[Section]:
    remark = (
        f"Means over {report.queries:,} queries. Gain: {report.compared_on} over {report.systems[0].name}; "
        "p: how probable such a difference is by chance."
    )
    sections = [Section(QUALITY, tables.quality(report), remark)]
    differences = tables.differences(report)
    if differences.rows:
        remark = f"The lead of {report.systems[0].name} in {report.compared_on}, with its 95% interval."
        sections.append(Section(DIFFERENCES, differences, remark))
    costs = tables.costs(report)
    if costs.rows:
        remark = "One query at a time; FLOPS: expected multiplications of a query with a document."
        sections.append(Section(COSTS, costs, remark))
    return sections


def _machine(report: Report) -> list[str]:
    """What costs are true of."""
    return [] if report.machine is None else [f"measured on {report.machine.sentence}"]


def _of_benchmarks(measured: Measurement, next_step: NextStep | None, curves: Sequence[Plot]) -> Page:
    """Where no collection of one's own was measured."""
    names = [name for name, there in _measured(measured) if there]
    said = []
    for report in measured.nano_beir:
        said.append(f"{report.collection}: {verdict(report)}")
    sections = _benchmarks(measured)
    return Page(
        title=f"Measured on {listed(names)}",
        verdict=said[0]
        if said
        else f"The figures are in {listed([f'“{each.title}”' for each in sections])}.",
        paragraphs=tuple(said[1:]),
        next_step=next_step,
        plots=tuple(curves),
        sections=tuple(sections),
    )


def _measured(measured: Measurement) -> list[tuple[str, bool]]:
    return [
        ("NanoBEIR", bool(measured.nano_beir)),
        ("MTEB", bool(measured.tasks)),
        ("sample texts", measured.sparsity is not None),
    ]


def _benchmarks(measured: Measurement) -> list[Section]:
    sections = []
    if measured.nano_beir:
        on = measured.nano_beir[0].compared_on
        sections.append(Section("NanoBEIR", nano_table(measured.nano_beir, on), f"{on} of each system."))
    if measured.tasks:
        sections.append(Section("MTEB", task_table(measured.tasks, measured.baseline_tasks)))
    for analysis in (measured.sparsity, measured.baseline_sparsity):
        if analysis is not None:
            sections.append(Section(f"Sparsity of {analysis.model}", _texts(analysis)))
    return sections


def _texts(analysis: SparsityAnalysis) -> Table:
    """A row a text: its active terms as a document and as a query, and the heaviest."""
    columns = (
        Column("text"),
        Column("terms", ",.0f"),
        Column("as a query", ",.0f"),
        Column("heaviest terms"),
    )
    rows: list[tuple[Cell, ...]] = []
    for text in analysis.texts:
        heaviest = ", ".join(f"{name} {weight:.2f}" for name, weight in text.heaviest)
        rows.append((text.text, text.terms, text.query_terms, heaviest))
    return Table(columns, tuple(rows))
