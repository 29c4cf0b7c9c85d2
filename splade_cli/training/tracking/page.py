"""Report on a training run for readers: a `Page` of its result, its metrics and its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from splade_cli.reports.curves import Row, curves, metrics_of
from splade_cli.reports.outputs import write_page
from splade_cli.reports.page import Fact, NextStep, Page, Section
from splade_cli.reports.table import Cell, Column, Table
from splade_cli.training.result import Trained
from splade_cli.training.run_folder import REPORT
from splade_cli.training.tracking.rows import numbers_of, step_of
from splade_cli.training.tracking.tracker import Tracker

SHOWN_FIRST = ("nDCG@10", "MRR@10", "Recall@100")
NOT_MEASURES = ("step", "max_steps", "seconds", "epoch", "runtime", "share", "active")
TERMS = {"query_terms": "a query", "document_terms": "a document"}


def training_page(
    trained: Trained,
    rows: Sequence[Row],
    settings: Mapping[str, tuple[Any, str]],
    next_step: NextStep | None = None,
) -> Page:
    """What a run gave, for readers.

    Args:
        rows: of its metrics.jsonl.
        settings: value and origin by name, as of `Resolved.entries`.
        next_step: what to do with the model.
    """
    base = PurePath(str(settings.get("model.base_model", ("a model", ""))[0])).name
    sections = []
    outline = [(str(row["outline"]), str(row.get("is", ""))) for row in rows if "outline" in row]
    if outline:
        table = Table((Column("about"), Column("what was done")), tuple(outline))
        sections.append(Section("Outline", table))
    validation = _validation(rows)
    if validation.rows:
        sections.append(
            Section("Validation", validation, "On held-out rows; the last row is the model that was saved.")
        )
    settings_table = Table(
        (Column("setting"), Column("value"), Column("from")),
        tuple((key, str(value), origin) for key, (value, origin) in settings.items()),
    )
    sections.append(Section("Settings", settings_table))
    seconds = max((numbers_of(row).get("seconds", 0.0) for row in rows), default=0.0)
    return Page(
        title=f"Training of {base}",
        subtitle=f"{trained.rows:,} rows, {trained.steps:,} steps, {_duration(seconds)}; {trained.model_dir}",
        verdict=_verdict(trained),
        paragraphs=tuple(text for text in (_sparsity(trained), _mixture(trained), _guard(trained)) if text),
        facts=_facts(trained),
        next_step=next_step,
        plots=tuple(curves(rows)),
        sections=tuple(sections),
        notes=(*trained.doubts, *trained.notes),
    )


def write_report(
    run_folder: Path,
    trained: Trained,
    settings: Mapping[str, tuple[Any, str]],
    trackers: Sequence[Tracker],
) -> None:
    """Writes the page of a run into its folder, and tells it to the trackers."""
    page = training_page(trained, metrics_of(run_folder), settings)
    write_page(run_folder / REPORT, page)
    for tracker in trackers:
        tracker.tell(page)


def _measure(trained: Trained) -> str | None:
    """What the run is told by: a usual measure, or the first that was taken before and after."""
    common = [name for name in trained.after if name in trained.before and not name.endswith("_terms")]
    return next((name for name in SHOWN_FIRST if name in common), common[0] if common else None)


def _verdict(trained: Trained) -> str:
    measure = _measure(trained)
    if measure is None:
        return (
            f"Trained for {trained.steps:,} steps on {trained.rows:,} rows. There were no validation rows: "
            "how good the model is, only an evaluation can tell."
        )
    before = trained.before[measure]
    after = trained.after[measure]
    if after == before:
        return f"{measure} on held-out rows stays at {after:.3f}."
    verb = "rises" if after > before else "falls"
    return f"{measure} on held-out rows {verb} from {before:.3f} to {after:.3f} ({after - before:+.3f})."


def _sparsity(trained: Trained) -> str:
    """Active terms before and after."""
    told = []
    for key, text in TERMS.items():
        if key in trained.before and key in trained.after:
            told.append(f"{text} has {trained.after[key]:.0f} active terms, {trained.before[key]:.0f} before")
    said = "; ".join(told)
    return f"{said[0].upper()}{said[1:]}: fewer make a search faster and an index smaller." if said else ""


def _mixture(trained: Trained) -> str:
    """The share of the tuned weights in the model that was saved."""
    if not trained.after or trained.share == 1:
        return ""
    return (
        f"The model is {trained.share:.0%} of the tuned weights and {1 - trained.share:.0%} of the base's: "
        "that keeps what the base knew of other texts."
    )


def _guard(trained: Trained) -> str:
    """What became of the collection that must not get worse."""
    measure = next(iter(trained.guard_after), None)
    if measure is None or measure not in trained.guard_before:
        return ""
    before = trained.guard_before[measure]
    after = trained.guard_after[measure]
    name = measure.removeprefix("guard_")
    return f"{name} on the guard, which the run is not for, goes from {before:.3f} to {after:.3f}."


def _facts(trained: Trained) -> tuple[Fact, ...]:
    facts = []
    measure = _measure(trained)
    if measure is not None:
        facts.append(Fact(measure, f"{trained.after[measure]:.3f}", f"before: {trained.before[measure]:.3f}"))
    for key, text in TERMS.items():
        if key in trained.after:
            before = trained.before.get(key)
            remark = "" if before is None else f"before: {before:.0f}"
            facts.append(Fact(f"terms of {text}", f"{trained.after[key]:.0f}", remark))
    facts.append(Fact("steps", f"{trained.steps:,}", f"best: {trained.best_step:,}"))
    return tuple(facts)


def _validation(rows: Sequence[Row]) -> Table:
    """A row a validation: its step, its stage, and all that was measured."""
    validated = [
        (row, numbers_of(row))
        for row in rows
        if "loss" not in row and any(name in row for name in (*SHOWN_FIRST, "eval_loss", "stage"))
    ]
    names = [name for _, numbers in validated for name in numbers if name not in NOT_MEASURES]
    measures = list(dict.fromkeys(names))
    columns = [Column("step", ",.0f"), Column("stage")]
    columns += [Column(name, ".1f" if name.endswith("_terms") else ".4f") for name in measures]
    table: list[tuple[Cell, ...]] = []
    for row, numbers in validated:
        stage = str(row.get("stage", ""))
        table.append((step_of(row), stage, *(numbers.get(name) for name in measures)))
    return Table(tuple(columns), tuple(table))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
