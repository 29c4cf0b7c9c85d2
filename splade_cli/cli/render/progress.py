"""Progress of long work on a terminal as bars with rate and time left, elsewhere as a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.markup import escape

from splade_cli.cli.render.console import err
from splade_cli.cli.render.numbers import duration
from splade_cli.cli.render.plain import plain
from splade_cli.progress import Progress

QUIET_SECONDS = 10.0


@contextmanager
def show_progress() -> Iterator[Progress]:
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

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    with Bars(*columns, console=err, transient=True) as bars:
        tasks: dict[str, Any] = {}
        started: dict[str, float] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(escape(stage), total=total, rate="")
                started[stage] = time.monotonic()
            elapsed = time.monotonic() - started[stage]
            rate = ""
            if elapsed > 1 and done:
                rate = f"{done / elapsed:.0f}/s"
            bars.update(tasks[stage], completed=done, total=total, rate=rate)

        yield show


class _PlainProgress:
    """A line when a stage ends, and in long ones a line every QUIET_SECONDS with rate and time left."""

    def __init__(self) -> None:
        self.spoken: dict[str, float] = {}
        self.started: dict[str, tuple[float, int]] = {}
        self.finished: set[str] = set()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        text = f"{stage}: {done}"
        if total is not None:
            text = f"{stage}: {done}/{total}"
        if total is not None and done >= total:
            if stage not in self.finished:
                print(plain(text), file=sys.stderr, flush=True)
            self.finished.add(stage)
        elif now - self.spoken.setdefault(stage, now) >= QUIET_SECONDS:
            print(plain(text + self._pace(stage, now, done, total)), file=sys.stderr, flush=True)
            self.spoken[stage] = now
        self.started.setdefault(stage, (now, done))

    def _pace(self, stage: str, now: float, done: int, total: int | None) -> str:
        start, first = self.started.get(stage, (now, done))
        if now <= start or done <= first:
            return ""
        rate = (done - first) / (now - start)
        shown = f"{rate:.1f}/s"
        if rate >= 10:
            shown = f"{rate:.0f}/s"
        if total is None:
            return f" ({shown})"
        return f" ({shown}, {duration((total - done) / rate)} left)"
