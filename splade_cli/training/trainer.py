"""Training rows and a base model in, a run folder out, on sentence-transformers' SparseEncoderTrainer.

config.yaml      the resolved configuration; origins.txt says where each value came from
metrics.jsonl    what was measured, a line each
checkpoints/     for --resume
final/           the model: opens in sentence_transformers.SparseEncoder
"""

from __future__ import annotations

import json
import logging
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splade_cli.config import Config, Resolved, resolve
from splade_cli.corpus.dataset import read_examples
from splade_cli.errors import InputError
from splade_cli.records import Example, claim_output, replacing, replacing_folder
from splade_cli.training.card import as_yaml, model_card
from splade_cli.training.recipe import prepare
from splade_cli.training.tracking import Listener, MetricsLog, newest_checkpoint
from splade_cli.training.validation import MEASURES, Validation, average

SHARES = (0.75, 1.0)


@dataclass(frozen=True)
class Trained:
    """What a run gave: `before` and `after` are validation figures, empty without validation rows."""

    model_dir: Path
    steps: int
    best_step: int
    before: dict[str, float]
    after: dict[str, float]
    share: float
    rows: int


class SpladeTrainer:
    """Fine-tunes a SPLADE model.

    Args:
        model_name: base model: ``tiny``, a folder, a hub id.
        output_dir: run folder.
        train_file, val_file: see `corpus.dataset.read_examples`.
        learning_rate, batch_size, epochs: the settings most often given; all others by `settings`.
        settings: ``{"section.key": value}`` of `config.Config`.
        resolved: a configuration from `config.resolve`, instead of all of the above.
        resume: go on from the newest checkpoint in `output_dir`.
        force: train into a folder that is not empty.
        listener: called with each row of metrics.jsonl.
    """

    def __init__(
        self,
        model_name: str | None = None,
        output_dir: str | Path | None = None,
        train_file: str | Path | None = None,
        val_file: str | Path | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        epochs: float | None = None,
        *,
        settings: dict[str, Any] | None = None,
        resolved: Resolved | None = None,
        resume: bool = False,
        force: bool = False,
        listener: Listener | None = None,
    ) -> None:
        flags = {
            "model.base_model": model_name,
            "training.output_dir": str(output_dir) if output_dir else None,
            "datasets.train_file": str(train_file) if train_file else None,
            "datasets.val_file": str(val_file) if val_file else None,
            "training.learning_rate": learning_rate,
            "training.per_device_train_batch_size": batch_size,
            "training.num_train_epochs": epochs,
            **(settings or {}),
        }
        self.resolved = resolved or resolve(flags=flags)
        self.resume, self.force, self.listener = resume, force, listener

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.resolved.config

    def rows(self) -> tuple[list[Example], list[Example]]:
        """Training and validation rows. Raises InputError where there is no training file or no row in it."""
        data = self.config.datasets
        if not data.train_file:
            raise InputError("no training file", "add --train-file train.json; `splade gen-data DOCS -o DIR` makes one")
        training = read_examples(Path(data.train_file))
        return training, read_examples(Path(data.val_file)) if data.val_file else []

    def steps(self, rows: int) -> int:
        """Optimiser steps for so many training rows."""
        training = self.config.training
        if training.max_steps > 0:
            return training.max_steps
        batches = math.ceil(rows / training.per_device_train_batch_size)
        return max(1, math.ceil(batches / training.gradient_accumulation_steps * training.num_train_epochs))

    def train(self) -> Trained:
        """Trains, keeps the best weights, and writes ``final/``.

        Raises:
            InputError, ModelError: rows, configuration or model cannot be used, or the loss is no longer finite.
            KeyboardInterrupt: after a checkpoint was written.
        """
        config = self.config
        if not config.training.output_dir:
            raise InputError("no output folder", "add -o DIR")
        output = Path(config.training.output_dir)
        training, held_out = self.rows()
        checkpoint = newest_checkpoint(output / "checkpoints") if self.resume else None
        if not self.resume:
            claim_output(output, self.force)
        return _Run(self.resolved, output, training, held_out, checkpoint, self.listener).train()


class _Run:
    """One run, from loading to ``final/``."""

    def __init__(
        self,
        resolved: Resolved,
        output: Path,
        training: list[Example],
        held_out: list[Example],
        checkpoint: Path | None,
        listener: Listener | None,
    ) -> None:
        from splade_cli.model.load import load_for_training, load_splade_model

        self.config, self.output, self.checkpoint = resolved.config, output, checkpoint
        settings, hardware = self.config.training, self.config.hardware
        options: dict[str, Any] = {
            "trust_remote_code": self.config.model.trust_remote_code,
            "allow_pickle": self.config.model.allow_pickle,
        }
        loaded = load_splade_model(
            self.config.model.base_model,
            device=hardware.device,
            precision="bf16" if settings.bf16 else "fp16" if settings.fp16 else "fp32",
            max_seq_length=settings.max_seq_length,
            **options,
        )
        if self.config.model.pooling_strategy:
            loaded.model.pooling = self.config.model.pooling_strategy
        _quiet()
        self.encoder, self.loaded = load_for_training(self.config.model.base_model, loaded, **options)
        if settings.truncate_to is not None:
            self.encoder.max_seq_length = min(settings.truncate_to, self.loaded.model.max_seq_length)
        self.base = {name: value.detach().cpu().clone() for name, value in self.encoder.state_dict().items()}
        self.training = training
        self.validation = Validation.from_examples(held_out, training, settings.seed) if held_out else None
        output.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            (output / "metrics.jsonl").unlink(missing_ok=True)
        self.log = MetricsLog(output / "metrics.jsonl", listener)
        with replacing(output / "config.yaml") as path:
            path.write_text(as_yaml(self.config), encoding="utf-8")
        with replacing(output / "origins.txt") as path:
            path.write_text("\n".join(resolved.lines()) + "\n", encoding="utf-8")

    def train(self) -> Trained:
        settings = self.config.training
        before = self._measure()
        if before:
            self.log.write({"step": 0, **before, "stage": "before"})
        trainer = prepare(
            self.encoder,
            self.config,
            self.training,
            self.output,
            self.loaded.device.name,
            self.log,
            self._measure if self.validation else None,
        )
        try:
            trainer.train(resume_from_checkpoint=str(self.checkpoint) if self.checkpoint else None)
        except KeyboardInterrupt:
            if trainer.state.global_step:
                trainer._save_checkpoint(trainer.model, trial=None)
            raise
        best = trainer.state.best_global_step or trainer.state.global_step
        share = 1.0
        if self.validation and settings.average_with_base:
            measure, size = settings.metric_for_best_model, settings.per_device_eval_batch_size
            values = self.validation.values
            share, tried = average(
                self.encoder, self.base, SHARES, lambda: values(self.loaded, size, [measure])[0][measure]
            )
            self.log.write({"step": trainer.state.global_step, "averaging": tried, "share": share})
        after = self._measure()
        if after:
            self.log.write({"step": trainer.state.global_step, **after, "stage": "after"})
        steps = trainer.state.global_step
        result = Trained(self.output / "final", steps, best, before, after, share, len(self.training))
        self._save(result)
        return result

    def _measure(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        measures = list(dict.fromkeys([*MEASURES, self.config.training.metric_for_best_model]))
        return self.validation.measure(self.loaded, self.config.training.per_device_eval_batch_size, measures)

    def _save(self, result: Trained) -> None:
        self.encoder.max_seq_length = self.loaded.model.max_seq_length
        with replacing_folder(result.model_dir) as temporary:
            self.encoder.save_pretrained(str(temporary), create_model_card=False, safe_serialization=True)
            (temporary / "README.md").write_text(model_card(self.config, result), encoding="utf-8")
            record = {"steps": result.steps, "share": result.share, "before": result.before, "after": result.after}
            (temporary / "training.json").write_text(json.dumps(record, indent=2), encoding="utf-8")


def _quiet() -> None:
    """Notes for people who write training loops do not belong between a user's figures."""
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    for name in ("sentence_transformers", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import datasets

    datasets.disable_progress_bars()
