"""Tables of benchmarks: a row a task or collection, and what the baseline reached on it."""

from __future__ import annotations

from collections.abc import Sequence

from splade_cli.evaluation.benchmarks.task_scores import NDCG, TaskScore
from splade_cli.evaluation.report import Report
from splade_cli.reports.table import Cell, Column, Table

MEAN = "mean"


def task_table(scores: Sequence[TaskScore], baseline: Sequence[TaskScore] = ()) -> Table:
    """Tasks of MTEB: nDCG@10 and main score; with a baseline its nDCG@10 on the same splits, and the gain."""
    columns = [Column("task"), Column("nDCG@10", ".4f"), Column("main score", ".4f")]
    if baseline:
        columns += [Column("baseline", ".4f"), Column("gain", "+.4f"), Column("gain, %", "+.1%")]
    others = {score.task: score for score in baseline}
    rows: list[tuple[Cell, ...]] = []
    for score in scores:
        row: tuple[Cell, ...] = (score.task, score.ndcg, score.main_score)
        if baseline:
            row = (*row, *_gain(score, others.get(score.task)))
        rows.append(row)
    return Table(tuple(columns), tuple(rows))


def nano_table(reports: Sequence[Report], measure: str) -> Table:
    """Collections of NanoBEIR: a measure of each system, and its mean where it is in every report."""
    names = list(dict.fromkeys(system.name for report in reports for system in report.systems))
    rows: list[tuple[Cell, ...]] = []
    for report in reports:
        figures = {system.name: system.figures.get(measure) for system in report.systems}
        rows.append((report.collection, *(figures.get(name) for name in names)))
    if len(rows) > 1:
        rows.append((MEAN, *(_mean([row[number] for row in rows]) for number in range(1, len(names) + 1))))
    return Table((Column("NanoBEIR"), *(Column(name, ".4f") for name in names)), tuple(rows))


def of_other_languages(scores: Sequence[TaskScore], baseline: Sequence[TaskScore]) -> list[str]:
    """The tasks whose baseline is known to be of other languages."""
    others = {score.task: set(score.languages) for score in baseline if score.languages}
    return [
        score.task
        for score in scores
        if score.languages and others.get(score.task, set(score.languages)) != set(score.languages)
    ]


def _gain(score: TaskScore, baseline: TaskScore | None) -> tuple[Cell, Cell, Cell]:
    if baseline is None:
        return None, None, None
    shared = [split for split in score.parts if split in baseline.parts]
    own = score.mean(NDCG, shared)
    reached = baseline.mean(NDCG, shared)
    if own is None or reached is None:
        return reached, None, None
    return reached, own - reached, (own - reached) / reached if reached else None


def _mean(cells: Sequence[Cell]) -> float | None:
    values = [cell for cell in cells if isinstance(cell, float)]
    return sum(values) / len(values) if len(values) == len(cells) else None
