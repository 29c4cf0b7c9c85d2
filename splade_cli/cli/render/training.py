"""Printing of `splade train`: its progress, its result, and its configuration."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from splade_cli.cli.render import console
from splade_cli.cli.render.numbers import BLOCKS
from splade_cli.cli.render.progress import QUIET_SECONDS
from splade_cli.cli.render.training_view import TrainingView, measure_of, stage_of
from splade_cli.training.tracking.rows import Listener, MetricsRow, numbers_of, step_of

if TYPE_CHECKING:
    from splade_cli.config.resolve import Resolved
    from splade_cli.reports.page import NextStep
    from splade_cli.training.result import Trained

STAGES = ("before", "after")


def configuration(resolved: Resolved, as_json: bool) -> None:
    """Every setting and where it came from."""
    if not as_json:
        console.lines(resolved.lines())
        return
    entries = {}
    for key, (value, origin) in resolved.entries().items():
        entries[key] = {"value": value, "origin": origin}
    console.json_document(entries)


def result(trained: Trained, as_json: bool) -> None:
    """What a run gave, and the next command."""
    facts: dict[str, Any] = {"model": str(trained.model_dir), "steps": trained.steps, "rows": trained.rows}
    if trained.after:
        facts["best step"] = trained.best_step
        facts["share of tuned weights"] = trained.share
        facts["before"] = trained.before
        facts["after"] = trained.after
    if trained.guard_after:
        facts["guard before"] = trained.guard_before
        facts["guard after"] = trained.guard_after
    console.facts(facts, as_json)
    for note in (*trained.doubts, *trained.notes):
        console.note(note)
    for viewer in trained.viewers:
        console.labelled("curves", viewer)
    if trained.is_dense:
        console.next_command(f"splade evaluate --data DATA --dense {trained.model_dir}")
        return
    console.next_command(f"splade index DOCS -o index --model {trained.model_dir}")


def report(trained: Trained, resolved: Resolved, path: Path | None) -> None:
    """Writes the report of a run for readers, where one is asked for."""
    if path is None:
        return
    from splade_cli.reports.curves import metrics_of
    from splade_cli.reports.outputs import write_page
    from splade_cli.training.tracking.page import training_page

    page = training_page(
        trained, metrics_of(trained.model_dir), resolved.entries(), _next_step(trained, resolved)
    )
    write_page(path, page)
    console.note(f"report written to {path}")


def _next_step(trained: Trained, resolved: Resolved) -> NextStep:
    """To measure the model on judged queries, beside the one before training."""
    from splade_cli.reports.page import NextStep

    if trained.is_dense:
        return NextStep(
            "Measure it on judged queries:", f"splade evaluate --data DATA --dense {trained.model_dir}"
        )
    data = _judged_beside(resolved)
    base = shlex.quote(resolved.config.model.base_model)
    model = shlex.quote(str(trained.model_dir))
    return NextStep(
        "Measure it on judged queries, beside the model before training, with a test of the difference:",
        f"splade evaluate --data {data} --model {model} --baseline {base} --report report.html",
    )


def _judged_beside(resolved: Resolved) -> str:
    """The folder of the rows, where it is a collection with queries that were held out, else any."""
    rows = resolved.config.datasets.train_file
    if rows and (Path(rows).parent / "qrels" / "val.tsv").is_file():
        return f"{shlex.quote(str(Path(rows).parent))} --split val"
    return "DATA"


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener for the trainer: a live table on a terminal, else a line a validation and every while."""
    live = console.err.is_terminal and os.environ.get("TERM") != "dumb"
    view = TrainingView(ascii_only=not _draws_blocks(console.err.encoding))
    spoken = [-QUIET_SECONDS]

    def listen(row: MetricsRow) -> None:
        view.take(row)
        if measure_of(row) and "loss" not in row:
            last = view.losses[-1] if view.losses else None
            width = console.err.width if live else None
            console.err.print(escape(validation_line(row, last, width)), soft_wrap=True)
        elif "outline" in row:
            console.err.print(escape(f"{row['outline']}: {row['is']}"), soft_wrap=True)
        elif "share" in row:
            console.err.print(averaging_line(row), soft_wrap=True)
        elif "loss" in row and not live and time.monotonic() - spoken[0] >= QUIET_SECONDS:
            spoken[0] = time.monotonic()
            console.err.print(escape(view.line()), soft_wrap=True)

    if not live:
        yield listen
        return
    from rich.live import Live

    with Live(
        get_renderable=lambda: view.table(console.err.width),
        console=console.err,
        refresh_per_second=4,
        transient=True,
    ):
        yield listen
    curves = view.curves(console.err.width)
    if curves:
        console.err.print(escape(curves), style="dim", overflow="crop", no_wrap=True)


def averaging_line(row: MetricsRow) -> str:
    """What the model is a mixture of, and who chose it."""
    share = numbers_of(row)["share"]
    mixture = f"averaging  {share:.2f} tuned + {1 - share:.2f} base"
    if "averaging" in row:
        return f"{mixture}: as good on validation"
    if "guarded" in row:
        return f"{mixture}: for the guard"
    return mixture


def validation_line(row: MetricsRow, loss: float | None, width: int | None = None) -> str:
    """A validation row in a plain line, told shorter where it is longer than `width`."""
    numbers = numbers_of(row)
    name = measure_of(row) or "nDCG@10"
    stage = stage_of(row) or f"step {step_of(row)}"
    lost = "" if loss is None or stage in STAGES else f"loss {loss:.4f}"
    terms: dict[str, str] = {}
    for kind in ("query", "document"):
        if f"{kind}_terms" in numbers:
            terms[kind] = f"{numbers[f'{kind}_terms']:.1f}"
    told = ", ".join(f"{kind} {value}" for kind, value in terms.items())
    seconds = f"{numbers['seconds']:.0f} s" if "seconds" in numbers else ""
    line = ""
    short = f"terms {' / '.join(terms.values())}"
    wordings = (
        (lost, f"active terms: {told}"),
        (lost, f"terms: {told}"),
        (lost, short),
        ("", short),
        ("", ""),
    )
    for loss_said, terms_said in wordings:
        parts = [
            f"{stage:<9}",
            loss_said,
            f"{name} {numbers[name]:.4f}",
            terms_said if terms else "",
            seconds,
        ]
        line = "  ".join(part for part in parts if part)
        if width is None or len(line) <= width:
            return line
    return line


def _draws_blocks(encoding: str) -> bool:
    try:
        BLOCKS.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
