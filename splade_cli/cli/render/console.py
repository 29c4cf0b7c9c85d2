"""All printing: data on standard output, progress, notes and hints on standard error. Knows no computation.

Colours and bars only on a terminal; NO_COLOR and TERM=dumb are honoured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from splade_cli.cli.render.numbers import duration
from splade_cli.records import Progress

if TYPE_CHECKING:
    from splade_cli.corpus.documents import Skipped


class Output(Console):
    """Standard output. A reader that has seen enough (`| head`) is no failure, which Rich would make it."""

    def on_broken_pipe(self) -> None:
        """Leaves it to `main`, which ends in silence."""
        raise BrokenPipeError


out = Output(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)
SHOWN_SKIPPED = 5
QUIET_SECONDS = 10.0


def lines(values: Sequence[str]) -> None:
    """Plain lines of data."""
    print("\n".join(values))


def json_document(value: Any) -> None:
    """One indented JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def json_line(value: Any) -> None:
    """One line of JSONL, at once, so that a pipe sees it."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def note(message: str) -> None:
    """A remark beside the data."""
    err.print(escape(message), style="dim")


def next_command(command: str) -> None:
    """What to type next."""
    err.print(f"next: {escape(command)}", style="dim", soft_wrap=True)


def facts(values: dict[str, Any], as_json: bool, remark: str = "") -> None:
    """Names and values: aligned, or a JSON object."""
    if as_json:
        json_document({key.replace(" ", "_"): value for key, value in values.items()})
    else:
        width = max(map(len, values))
        for key, value in values.items():
            shown = value
            if isinstance(value, dict):
                shown = ", ".join(f"{name} {_figure(number)}" for name, number in value.items()) or "none"
            out.print(f"[bold]{key:<{width}}[/]  {escape(_figure(shown))}", soft_wrap=True)
    if remark:
        note(remark)


def skipped(files: Sequence[Skipped]) -> None:
    """What could not be read, and why."""
    for one in files[:SHOWN_SKIPPED]:
        note(f"skipped {one.path}: {one.reason}")
    if len(files) > SHOWN_SKIPPED:
        note(f"skipped {len(files) - SHOWN_SKIPPED} more")


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars with rate and time left on a terminal; elsewhere a line a stage, and one every few seconds."""
    if not err.is_terminal or os.environ.get("TERM") == "dumb":
        yield _PlainProgress()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=err, transient=True) as bars:
        tasks: dict[str, Any] = {}
        started: dict[str, float] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rate="")
                started[stage] = time.monotonic()
            elapsed = time.monotonic() - started[stage]
            rate = f"{done / elapsed:.0f}/s" if elapsed > 1 and done else ""
            bars.update(tasks[stage], completed=done, total=total, rate=rate)

        yield show


class _PlainProgress:
    """A line when a stage ends, and in long ones a line every QUIET_SECONDS with rate and time left."""

    def __init__(self) -> None:
        self.spoken: dict[str, float] = {}
        self.started: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        finished = total is not None and done >= total
        if finished and self.spoken.get(stage) == float("inf"):
            return
        if finished or now - self.spoken.setdefault(stage, now) >= QUIET_SECONDS:
            text = f"{stage}: {done}" + (f"/{total}" if total is not None else "")
            print(
                text + ("" if finished else self._pace(stage, now, done, total)), file=sys.stderr, flush=True
            )
            self.spoken[stage] = float("inf") if finished else now
        self.started.setdefault(stage, (now, done))

    def _pace(self, stage: str, now: float, done: int, total: int | None) -> str:
        start, first = self.started.get(stage, (now, done))
        if now <= start or done <= first:
            return ""
        rate = (done - first) / (now - start)
        left = "" if total is None else f", {duration((total - done) / rate)} left"
        return f" ({rate:.{0 if rate >= 10 else 1}f}/s{left})"


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_versions() -> None:
    """Package, Python, torch, sentence-transformers, device and precision with the reason for the choice."""
    import platform
    from importlib.metadata import version

    from splade_cli import __version__
    from splade_cli.model.device import available_threads, choose_device

    place = choose_device()
    print(f"splade {__version__}")
    print(
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {available_threads()} cores"
    )
    for name in ("torch", "transformers", "sentence-transformers"):
        print(f"{name} {version(name)}")
    print(f"device {place.name}, {place.precision}: {place.reason}")
