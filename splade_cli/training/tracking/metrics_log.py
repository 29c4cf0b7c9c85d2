"""The log of a run's metrics: a JSON object a line in metrics.jsonl, and to whoever listens."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.storage.files import replacing
from splade_cli.training.tracking.rows import Listener, MetricsRow


class MetricsLog(TrainerCallback):
    """Appends a JSON object a line: ``step``, ``epoch``, ``seconds`` and whatever was measured at that step.

    A resumed run goes on in the same file: rows beyond its checkpoint are dropped, since they are about to be
    measured again, and ``seconds`` counts on. A value that is not finite is null in the file. `followers` get
    the rows that are written by hand; what the trainer logs they see as its callbacks. Of several processes
    only the first writes.
    """

    def __init__(self, path: Path, listener: Listener | None = None, first: bool = True) -> None:
        self.path = path
        self.listener = listener
        self.first = first
        self.followers: list[Listener] = []
        self._unfollowed: list[MetricsRow] = []
        self.started = time.monotonic()

    def write(self, row: MetricsRow) -> None:
        """Appends one row, and tells the listener and the followers."""
        if not self.first:
            return
        if not self.followers:
            self._unfollowed.append(row)
        for follower in self.followers:
            follower(row)
        self._append(row)

    def follow(self, followers: Sequence[Listener]) -> None:
        """Hands all rows to `followers` from now on, those first that were written before anyone followed."""
        self.followers = list(followers)
        for row in self._unfollowed:
            for follower in followers:
                follower(row)
        self._unfollowed.clear()

    def _append(self, row: MetricsRow) -> None:
        row = {**row, "seconds": round(time.monotonic() - self.started, 2)}
        with open(self.path, "a", encoding="utf-8") as out:
            out.write(json.dumps({key: _finite(value) for key, value in row.items()}, allow_nan=False) + "\n")
        if self.listener:
            self.listener(row)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        if state.global_step and self.path.exists():
            self._go_on_from(state.global_step)
        self._append({"step": state.global_step, "max_steps": state.max_steps})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if state.is_world_process_zero:
            self._append({"step": state.global_step, "max_steps": state.max_steps, **measured(logs)})

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.listener and state.is_world_process_zero:
            self.listener({"step": state.global_step, "max_steps": state.max_steps, "tick": True})

    def _go_on_from(self, step: int) -> None:
        lines: dict[
            str, str
        ] = {}  # by content: what is measured again before the first step is logged already
        seconds = 0.0
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a killed run
            if row.get("step", 0) <= step:
                seconds = max(seconds, row.pop("seconds", 0.0))
                lines.setdefault(json.dumps(row), line)
        with replacing(self.path) as path:
            path.write_text("".join(line + "\n" for line in lines.values()), encoding="utf-8")
        self.started = min(self.started, time.monotonic() - seconds)


def measured(logs: Mapping[str, Any] | None) -> dict[str, object]:
    """What a trainer logged, under the names of metrics.jsonl: no speeds, no ``eval_`` before a measure."""
    row: dict[str, object] = {}
    for key, value in (logs or {}).items():
        if not key.endswith("_per_second"):
            name = key if key == "eval_loss" else key.removeprefix("eval_")
            row[name] = value
    return row


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
