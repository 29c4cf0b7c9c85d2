"""The state of a training run as a small live table: curves of loss and active terms, validation, time left.

What is drawn depends on nothing but the rows, the clock and the width.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from splade_cli.cli.render.numbers import duration, figure, sparkline
from splade_cli.training.tracking.rows import MetricsRow, numbers_of

LONGEST_CURVE = 40
_PARTS = {
    "base_loss": "base",
    "document_regularizer_loss": "doc. penalty",
    "query_regularizer_loss": "query penalty",
}
_LAMBDAS = {"document_regularizer_weight": "lambda doc.", "query_regularizer_weight": "lambda query"}


@dataclass
class TrainingView:
    """What is known of a run so far; `take` each row, then `table` or `line` shows it."""

    ascii_only: bool = False
    step: int = 0
    steps: int = 0
    latest: dict[str, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    terms: list[float] = field(default_factory=list)
    validated_terms: list[float] = field(default_factory=list)
    validated: dict[str, float] = field(default_factory=dict)
    before: float | None = None
    best: tuple[float, int] | None = None
    measure: str = "nDCG@10"
    _began: tuple[float, int] | None = None

    def take(self, row: MetricsRow, now: float | None = None) -> None:
        """One row of metrics.jsonl, or a tick after a step; unknown names are left alone."""
        now = time.monotonic() if now is None else now
        numbers = numbers_of(row)
        if numbers.get("max_steps"):
            self.step = int(numbers.get("step", self.step))
            self.steps = int(numbers["max_steps"])
            if self._began is None or self.step < self._began[1]:
                self._began = (now, self.step)
        if "loss" in numbers:
            self.losses.append(numbers["loss"])
            self.latest = {**self.latest, **numbers}  # never changed in place: another thread draws it
            if "document_terms" in numbers:
                self.terms.append(numbers["document_terms"])
        else:
            measure = measure_of(row)
            if measure is not None:
                self._validated(measure, numbers, stage_of(row))

    def _validated(self, name: str, numbers: dict[str, float], stage: str | None) -> None:
        self.measure = name
        self.validated = numbers
        if stage == "before":
            self.before = numbers[name]
        elif stage is None and (self.best is None or numbers[name] > self.best[0]):
            self.best = (numbers[name], self.step)
        if "document_terms" in numbers:
            self.validated_terms.append(numbers["document_terms"])

    def left(self, now: float | None = None) -> float | None:
        """Seconds to the last step at the pace so far; None before it can be known."""
        now = time.monotonic() if now is None else now
        if self._began is None or self.step <= self._began[1] or not self.steps:
            return None
        return (now - self._began[0]) / (self.step - self._began[1]) * (self.steps - self.step)

    def table(self, width: int, now: float | None = None) -> Table:
        """The state as lines of name, figure and curve or remark, none longer than `width`."""
        grid = Table.grid(padding=(0, 2))
        for justify in ("left", "right", "left"):
            grid.add_column(justify=justify, no_wrap=True, overflow="crop")  # type: ignore[arg-type]
        rows = self._rows(now)
        names, values = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
        room = max(0, min(LONGEST_CURVE, width - names - values - 5))
        for name, value, rest in rows:
            shown = rest if isinstance(rest, str) else sparkline(rest, room, self.ascii_only)
            if name == "step":
                shown = self._bar(room, shown)
            elif rest == "compared":
                shown = self._compared(room)
            grid.add_row(
                Text(name, style="dim" if name[0] == " " else ""),
                Text(value),
                Text(shown[:room], style="cyan"),
            )
        return grid

    def line(self, now: float | None = None) -> str:
        """The state in one plain line."""
        shown = [f"step {self.step}" + (f"/{self.steps}" if self.steps else "")]
        shown += [f"loss {figure(self.losses[-1])}"] if self.losses else []
        if "document_terms" in self.latest:
            shown.append(f"document terms {figure(self.latest['document_terms'])}")
        left = self.left(now)
        return "  ".join(shown + ([f"{duration(left)} left"] if left else []))

    def curves(self, width: int) -> str:
        """Both curves in a line, for the end of a run; empty where nothing was logged."""
        room = max(8, min(LONGEST_CURVE, (width - 44) // 2))
        parts = [
            f"{name} {sparkline(values, room, self.ascii_only)} {figure(values[-1])}"
            for name, values in (
                ("loss", self.losses),
                ("document terms", self.terms or self.validated_terms),
            )
            if len(values) > 1
        ]
        return "  ".join(parts)

    def _rows(self, now: float | None) -> list[tuple[str, str, str | list[float]]]:
        left = self.left(now)
        rest = "" if left is None else f"{duration(left)} left"
        rows: list[tuple[str, str, str | list[float]]] = [("step", f"{self.step}/{self.steps or '?'}", rest)]
        if self.losses:
            rows.append(("loss", figure(self.losses[-1]), self.losses))
        for key, value in self.latest.items():
            if key.endswith("_loss"):
                rows.append(
                    (f"  {_PARTS.get(key, key.removesuffix('_loss').replace('_', ' '))}", figure(value), "")
                )
        for key, value in self.latest.items():
            if key in _LAMBDAS or "lambda" in key:
                rows.append((f"  {_LAMBDAS.get(key, key.replace('_', ' '))}", figure(value), ""))
        known = {**self.validated, **self.latest}
        if "document_terms" in known:
            rows.append(
                ("document terms", figure(known["document_terms"]), self.terms or self.validated_terms)
            )
        if "query_terms" in known:
            rows.append(("query terms", figure(known["query_terms"]), ""))
        if self.validated:
            rows.append((self.measure, figure(self.validated[self.measure]), "compared"))
        if "learning_rate" in self.latest:
            rows.append(("learning rate", figure(self.latest["learning_rate"]), ""))
        return rows

    def _compared(self, room: int) -> str:
        said = [] if self.before is None else [f"before {figure(self.before)}"]
        said += [f"best {figure(self.best[0])} at {self.best[1]}"] if self.best else []
        while said and len(", ".join(said)) > room:
            said.pop(0)
        return ", ".join(said)

    def _bar(self, room: int, rest: str) -> str:
        length = room - len(rest) - 2 if rest else room
        if length < 4 or not self.steps:
            return rest
        done = min(length, round(self.step / self.steps * length))
        full, empty = ("#", ".") if self.ascii_only else ("━", "┄")
        return f"{full * done}{empty * (length - done)}  {rest}".rstrip()


def measure_of(row: MetricsRow) -> str | None:
    """The measure by which a validation row is shown: nDCG@10, else the first; None for other rows."""
    measures = [name for name in numbers_of(row) if "@" in name]
    return "nDCG@10" if "nDCG@10" in measures else next(iter(measures), None)


def stage_of(row: MetricsRow) -> str | None:
    """``before`` or ``after`` training, None for a row on the way."""
    stage = row.get("stage")
    return str(stage) if stage else None
