"""sentence-transformers' trainer, guarded: stops at a loss that is no number, says what to do where memory runs out.

Also logs how many terms are active. Knows no rows and no files but bad_batch.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SparseEncoderTrainer
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.config.schema import Config
from splade_cli.training.failures import check_loss, memory_error
from splade_cli.training.losses.anchor import Anchor
from splade_cli.training.sparsity.controller import MovingAverages

PRESSED = ("per_device_train_batch_size", "gradient_accumulation_steps", "mini_batch_size", "truncate_to")


class GuardedTrainer(SparseEncoderTrainer):
    """A SparseEncoderTrainer for one run.

    Args:
        config: the run's.
        output: the run folder.
        held_out: validation rows as datasets, whose name begins with their kind of loss; for `mean_loss`.
        anchor: holds the model to its base, where that is asked for.
    """

    def __init__(
        self,
        *args: Any,
        config: Config,
        output: Path,
        held_out: Mapping[str, Any],
        anchor: Anchor | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.config, self.output, self.held_out, self.anchor = config, output, held_out, anchor
        self.mixed: Any = None
        self.add_callback(_Epochs(self))

    def get_multi_dataset_batch_sampler(self, *args: Any, **kwargs: Any) -> Any:
        """Keeps what draws the batches, for `_Epochs`."""
        self.mixed = super().get_multi_dataset_batch_sampler(*args, **kwargs)
        return self.mixed

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch. Raises ModelError where it is not finite, and keeps the batch."""
        shown = dict(inputs)
        found = super().compute_loss(model, inputs, *args, **kwargs)
        if self.anchor is not None and model.training and not isinstance(found, tuple):
            held = self.config.loss.anchor_weight * self.anchor.distance(model, self.state.global_step)
            kept = self.accum_loss_components["train"]
            kept["anchor_loss"] = kept.get("anchor_loss", torch.zeros_like(held)) + held.detach()
            found = found + held
        value = found[0] if isinstance(found, tuple) else found
        name = shown.get("dataset_name")
        check_loss(
            value,
            shown,
            self.state.global_step + 1,
            self.output,
            tokenizer=self.processing_class,
            dataset=name,
        )
        return found

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """One forward and backward. Raises ModelError naming the settings to lower where memory runs out."""
        try:
            step: Tensor = super().training_step(*args, **kwargs)
        except (RuntimeError, MemoryError) as error:
            values = {name: getattr(self.config.training, name) for name in PRESSED}
            values["gradient_checkpointing"] = self.config.hardware.gradient_checkpointing
            known = memory_error(error, values)
            if known is None:
                raise
            raise known from None
        return step

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """AdamW, and row-sparse updates for the latents of a laspar model."""
        if self.config.model.architecture == "laspar" and getattr(self, "optimizer", None) is None:
            from splade_cli.training.laspar.optimizer import optimizer

            settings = self.config.training
            self.optimizer: Any = optimizer(self.model, settings.learning_rate, settings.weight_decay)
        return super().create_optimizer(*args, **kwargs)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Also the regularisers' averages: before the state, whose file says that a checkpoint is whole."""
        super()._save_optimizer_and_scheduler(output_dir)
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, MovingAverages) and self.state.is_world_process_zero:
                callback.save(Path(output_dir))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the active terms of training batches to what is logged."""
        if "loss" in logs and self.config.evaluation.track_sparsity:
            losses = list(self.loss.values()) if isinstance(self.loss, dict) else [self.loss]
            for kind in ("document", "query"):
                active = [
                    getattr(getattr(loss, f"{kind}_regularizer", None), "active", math.nan) for loss in losses
                ]
                known = [float(value) for value in active if not math.isnan(value)]
                if known:
                    logs[f"{kind}_terms"] = round(sum(known) / len(known), 1)
        super().log(logs, *args, **kwargs)

    def mean_loss(self) -> float:
        """The loss of held-out rows with the current weights, a mean over batches."""
        losses = self.loss if isinstance(self.loss, dict) else {"": self.loss}
        by_kind = {name.rsplit("-", 2)[-2]: loss for name, loss in losses.items() if "-" in name}
        values: list[float] = []
        self.model.eval()
        for name, dataset in self.held_out.items():
            loss = by_kind.get(name.rsplit("-", 2)[-2])
            if loss is None:
                continue
            for batch in self.get_eval_dataloader(dataset):
                batch.pop("dataset_name", None)
                features, labels = self.collect_features(self._prepare_inputs(batch))
                with torch.no_grad():
                    found = loss(features, labels)
                parts = found.values() if isinstance(found, dict) else [found]
                values.append(float(sum(float(part) for part in parts)))
        return sum(values) / len(values) if values else math.nan


class _Epochs(TrainerCallback):
    """Tells the sampler its epoch, which transformers does not do through what shards and skips batches on resume."""

    def __init__(self, trainer: GuardedTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if hasattr(self.trainer.mixed, "set_epoch"):
            self.trainer.mixed.set_epoch(int(state.epoch or 0))
