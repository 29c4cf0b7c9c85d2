"""What happens in a run, to a file and to whoever listens: metrics.jsonl, checkpoints' names. Knows no model."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.errors import ModelError

Listener = Callable[[dict[str, Any]], None]
"""Called with each row of metrics.jsonl as it is written."""


class MetricsLog(TrainerCallback):
    """Appends a JSON object a line: ``step``, ``epoch``, ``seconds`` and whatever was measured at that step."""

    def __init__(self, path: Path, listener: Listener | None = None) -> None:
        self.path, self.listener = path, listener
        self.started = time.monotonic()

    def write(self, row: dict[str, Any]) -> None:
        """Appends one row and tells the listener."""
        row = {**row, "seconds": round(time.monotonic() - self.started, 2)}
        with open(self.path, "a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        if self.listener:
            self.listener(row)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.write({"step": state.global_step, "max_steps": state.max_steps})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kept = {
            key.removeprefix("eval_"): value for key, value in (logs or {}).items() if not key.endswith("_per_second")
        }
        self.write({"step": state.global_step, "max_steps": state.max_steps, **kept})

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.listener:
            self.listener({"step": state.global_step, "max_steps": state.max_steps, "tick": True})


class FiniteLoss(TrainerCallback):
    """Stops a run whose loss is no number any more: going on would only overwrite good checkpoints."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for name in ("loss", "grad_norm"):
            value = (logs or {}).get(name)
            if value is not None and not math.isfinite(value):
                raise ModelError(
                    f"{name} is {value} at step {state.global_step}",
                    "lower --learning-rate, or train in fp32; --resume goes on from the last checkpoint",
                )


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint with the highest step, if any; one without its trainer state was cut short."""
    found = [
        path
        for path in folder.glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdigit() and (path / "trainer_state.json").is_file()
    ]
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
