"""What an experiment tracker is to the trainer, and which curves a row of metrics.jsonl gives it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.reports.page import Page
from splade_cli.training.tracking.metrics_log import measured
from splade_cli.training.tracking.rows import MetricsRow, numbers_of


class Tracker(TrainerCallback):
    """Gets what the trainer logs; `record` takes other rows, such as validation before and after.

    Attributes:
        viewer: the command, or the address, that shows the run.
    """

    viewer = ""

    def record(self, row: MetricsRow) -> None:
        """One row of metrics.jsonl: ``step`` and numbers by name."""
        raise NotImplementedError

    def keep(self, paths: Sequence[Path]) -> None:
        """Files of the finished run."""

    def tell(self, page: Page) -> None:
        """The report of the finished run, for readers."""

    def close(self, status: str = "FINISHED") -> None:
        """Ends the run: ``FINISHED``, ``FAILED`` or ``KILLED``."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if state.is_world_process_zero:
            self.record({"step": state.global_step, **measured(logs)})


def curves(row: MetricsRow) -> dict[str, float]:
    """The finite numbers of a row: ``train/`` before what steps gave, ``eval/`` before all else.

    Active terms are in rows of both kinds: those of training are of its batches, those of validation of its
    texts.
    """
    points: dict[str, float] = {}
    for name, value in numbers_of(row).items():
        if name in ("step", "max_steps", "seconds") or not math.isfinite(value):
            continue
        of_training = "loss" in row or name.startswith(("train_", "total_"))
        group = "train" if of_training else "eval"
        points[f"{group}/{name}"] = value
    return points
