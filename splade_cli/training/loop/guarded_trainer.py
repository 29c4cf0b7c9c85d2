"""SparseEncoderTrainer with guards against losses that are not finite and memory that runs out.

It also logs how many terms are active, and adds the anchor to the loss where one is asked for.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SparseEncoderTrainer
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.config.schema import Config
from splade_cli.training.loop.checkpoints import CheckedCheckpoints
from splade_cli.training.loop.failures import MemorySettings, check_loss, memory_error
from splade_cli.training.losses.anchor import Anchor
from splade_cli.training.losses.objective import RUN_KIND
from splade_cli.training.sparsity.moving_averages import MovingAverages
from splade_cli.training.sparsity.regularized_losses import KINDS, as_list


class GuardedTrainer(CheckedCheckpoints, SparseEncoderTrainer):
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
        self.config = config
        self.output = output
        self.held_out = held_out
        self.anchor = anchor
        self.mixed_batches: Any = None
        self.add_callback(_EpochNumbers(self))

    def get_train_dataloader(self) -> Any:
        """The batches of an epoch, which `dataloader_num_workers` processes tokenise."""
        return with_single_threads(super().get_train_dataloader())

    def get_eval_dataloader(self, *args: Any, **kwargs: Any) -> Any:
        """The same of validation rows."""
        return with_single_threads(super().get_eval_dataloader(*args, **kwargs))

    def get_multi_dataset_batch_sampler(self, *args: Any, **kwargs: Any) -> Any:
        """The sampler of the datasets' batches, which `_EpochNumbers` needs as well."""
        self.mixed_batches = super().get_multi_dataset_batch_sampler(*args, **kwargs)
        return self.mixed_batches

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch. Raises ModelError where it is not finite, and keeps the batch."""
        batch = dict(inputs)
        output = super().compute_loss(model, inputs, *args, **kwargs)
        if self.anchor is not None and model.training and not isinstance(output, tuple):
            penalty = self.config.loss.anchor_weight * self.anchor.distance(model, self.state.global_step)
            components = self.accum_loss_components["train"]
            components["anchor_loss"] = (
                components.get("anchor_loss", torch.zeros_like(penalty)) + penalty.detach()
            )
            output = output + penalty
        loss = output[0] if isinstance(output, tuple) else output
        check_loss(
            loss,
            batch,
            self.state.global_step + 1,
            self.output,
            tokenizer=self.processing_class,
            dataset=batch.get("dataset_name"),
        )
        return output

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """One forward and backward. Raises ModelError naming the settings to lower where memory runs out."""
        try:
            loss: Tensor = super().training_step(*args, **kwargs)
        except (RuntimeError, MemoryError) as error:
            settings = self.config.training
            memory = MemorySettings(
                settings.per_device_train_batch_size,
                settings.gradient_accumulation_steps,
                settings.mini_batch_size,
                settings.truncate_to,
                self.config.hardware.gradient_checkpointing,
            )
            known = memory_error(error, memory)
            if known is None:
                raise
            raise known from None
        return loss

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """AdamW, and row-sparse updates for the latents of a laspar model."""
        model = self.config.model
        has_latents = model.architecture == "laspar" and model.latent_sparse
        if has_latents and getattr(self, "optimizer", None) is None:
            from splade_cli.training.laspar.optimizer import optimizer

            self.optimizer: Any = optimizer(
                self.model, self.args.learning_rate, self.config.training.weight_decay
            )
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
            for kind in KINDS:
                active = self._active_terms(kind)
                if active:
                    logs[f"{kind}_terms"] = round(sum(active) / len(active), 1)
        super().log(logs, *args, **kwargs)

    def _active_terms(self, kind: str) -> list[float]:
        """Mean active terms of the last batch of each loss that has a regulariser of this kind."""
        losses = as_list(self.loss) if isinstance(self.loss, dict) else [self.loss]
        active = []
        for loss in losses:
            regularizer = getattr(loss, f"{kind}_regularizer", None)
            terms = getattr(regularizer, "active", math.nan)
            if not math.isnan(terms):
                active.append(float(terms))
        return active

    def mean_loss(self) -> float:
        """The loss of held-out rows with the current weights, a mean over batches."""
        losses = self.loss if isinstance(self.loss, dict) else {"": self.loss}
        by_kind = {kind: loss for name, loss in losses.items() for kind in _loss_kinds(name)}
        values: list[float] = []
        self.model.eval()
        for name, dataset in self.held_out.items():
            known = [by_kind[kind] for kind in _loss_kinds(name) if kind in by_kind]
            if not known:
                continue
            loss = known[0]
            for batch in self.get_eval_dataloader(dataset):
                batch.pop("dataset_name", None)
                features, labels = self.collect_features(self._prepare_inputs(batch))
                with torch.no_grad():
                    output = loss(features, labels)
                parts = output.values() if isinstance(output, dict) else [output]
                values.append(sum(float(part) for part in parts))
        return sum(values) / len(values) if values else math.nan


def _loss_kinds(dataset: str) -> list[str]:
    """What tells the loss in the name of a dataset, see `objective.as_datasets`: source and kind, then kind.

    A loss by a teacher's run is that of one source alone.
    """
    parts = dataset.rsplit("-", 2)
    if len(parts) < 3:
        return []
    source, kind, _ = parts
    if kind == RUN_KIND:
        return [f"{source}-{kind}"]
    return [f"{source}-{kind}", kind]


def with_single_threads(loader: Any) -> Any:
    """The loader, with a tokenizer of one thread in each of its worker processes.

    A worker is forked: it has the locks of the tokenizer's threads and none of the threads, and would wait
    for them without end.
    """
    iterated = getattr(loader, "base_dataloader", loader)  # accelerate's has the one that begins the workers
    iterated.worker_init_fn = partial(_begin_worker, iterated.worker_init_fn)
    return loader


def _begin_worker(begin: Callable[[int], None] | None, number: int) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if begin is not None:
        begin(number)


class _EpochNumbers(TrainerCallback):
    """Tells the sampler its epoch: transformers does not reach it through what shards and skips batches."""

    def __init__(self, trainer: GuardedTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if hasattr(self.trainer.mixed_batches, "set_epoch"):
            self.trainer.mixed_batches.set_epoch(int(state.epoch or 0))
