"""Training arguments: what the configuration says, in the terms of sentence-transformers' trainer."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splade_cli.config.schema import Config, TrainingSection
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import parse_measure
from splade_cli.training.batches.samplers import mixed_batches, row_batches
from splade_cli.training.loop.learning_rates import learning_rates
from splade_cli.training.run_folder import CHECKPOINTS
from splade_cli.training.trainable import Trainable

EVALUATIONS = 5
"""Validations in a run that chooses weights by them, and checkpoints of any, where nobody says."""
NANOBEIR = "NanoBEIR_mean_dot_ndcg@10"


def best_measure(config: Config) -> tuple[str, bool]:
    """The measure that chooses the best weights, by our name, and whether more of it is better.

    ``eval_`` before it may be left out; NanoBEIR's mean stands for validation nDCG@10 where NanoBEIR is not
    measured.

    Raises:
        InputError: no measure of that name.
    """
    name = config.training.metric_for_best_model.removeprefix("eval_")
    if name == NANOBEIR and config.evaluation.evaluator is None:
        name = "nDCG@10"
    if name != "loss" and not name.startswith("NanoBEIR"):
        parse_measure(name)
    greater = config.training.greater_is_better
    if greater is None:
        greater = name != "loss"
    return name, greater


def training_arguments(
    config: Config,
    columns: Sequence[str],
    trainable: Trainable,
    output: Path,
    validated: bool,
    sources: Sequence[str] = (),
) -> Any:
    """SparseEncoderTrainingArguments for a configuration; `set_intervals` sets the steps once they are known.

    Args:
        columns: of the training datasets.
        sources: the configured dataset that each training dataset is a part of.
        output: the run folder; checkpoints go below it.
        validated: whether the run is validated on the way.
    """
    from sentence_transformers import SparseEncoderTrainingArguments

    settings = config.training
    return SparseEncoderTrainingArguments(
        output_dir=str(output / CHECKPOINTS),
        num_train_epochs=settings.num_train_epochs / passes_per_epoch(settings),
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        **_checkpointing(config.hardware.gradient_checkpointing),
        learning_rate=settings.learning_rate,
        learning_rate_mapping=learning_rates(config, trainable),
        router_mapping=_routes(config, columns, trainable),
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.warmup_ratio,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        fp16=settings.fp16,
        bf16=settings.bf16 is True,
        torch_compile=settings.torch_compile,
        torch_compile_mode=settings.torch_compile_mode if settings.torch_compile else None,
        save_strategy=settings.save_strategy,
        save_total_limit=settings.save_total_limit,
        logging_nan_inf_filter=False,
        **_on_device(config, trainable.loaded.device.name),
        **_validation(config, validated),
        **_batch_samplers(config, sources),
        seed=settings.seed,
        data_seed=settings.seed,
        disable_tqdm=True,
        report_to="none",
        dataloader_num_workers=settings.dataloader_num_workers,
        dataloader_prefetch_factor=settings.dataloader_prefetch_factor,
    )


def _on_device(config: Config, device: str) -> dict[str, Any]:
    """What goes by the device of a run."""
    cuda = device.startswith("cuda")
    options: dict[str, Any] = {"use_cpu": device == "cpu", "dataloader_pin_memory": cuda}
    if config.training.dataloader_pin_memory is False:
        options["dataloader_pin_memory"] = False
    if cuda and _has_tf32():
        options["tf32"] = config.hardware.tf32
    if device == "cpu" and "LOCAL_RANK" in os.environ:
        options["ddp_backend"] = "gloo"
    return options


def _validation(config: Config, validated: bool) -> dict[str, Any]:
    """When a run is validated, and what that decides."""
    best, greater = best_measure(config)
    if not validated:
        return {"eval_strategy": "no", "load_best_model_at_end": False, "greater_is_better": greater}
    return {
        "eval_strategy": config.training.eval_strategy,
        "load_best_model_at_end": config.training.load_best_model_at_end,
        "metric_for_best_model": f"eval_{best}",
        "greater_is_better": greater,
    }


def _checkpointing(wanted: bool) -> dict[str, bool | None]:
    """What trades time for memory, under the name that the installed transformers gives it."""
    from transformers import TrainingArguments

    newer = "activation_checkpointing" in TrainingArguments.__dataclass_fields__
    name = "activation_checkpointing" if newer else "gradient_checkpointing"
    return {name: wanted or (None if newer else False)}


def passes_per_epoch(settings: TrainingSection) -> int:
    """Passes over the rows within one epoch of the trainer: all of them where batches grow over the run."""
    if settings.grow_batch_from is None:
        return 1
    return max(1, round(settings.num_train_epochs))


def set_intervals(trainer: Any, config: Config) -> None:
    """Sets when to log, validate and save, now that the trainer knows its steps; takes its own printing away.

    Raises:
        InputError: save_steps that are no multiple of eval_steps, where the best weights are to be kept.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    settings = config.training
    steps = total_steps(trainer, settings)
    arguments = trainer.args
    part = max(1, steps // EVALUATIONS)
    # between the first and the last, which each run has, one validation shows where it goes
    between = part if chooses_weights(settings) else max(1, math.ceil(steps * 2 / 3))
    eval_steps = min(steps, settings.eval_steps or between)
    arguments.logging_steps = min(settings.logging_steps, steps)
    arguments.eval_steps = eval_steps
    arguments.save_steps = min(steps, settings.save_steps or settings.eval_steps or part)
    if arguments.load_best_model_at_end:
        if settings.save_strategy != settings.eval_strategy:
            raise InputError(
                f"save_strategy {settings.save_strategy} and eval_strategy {settings.eval_strategy} differ",
                "they must agree where load_best_model_at_end is true",
            )
        if settings.save_strategy == "steps" and arguments.save_steps % eval_steps:
            raise InputError(
                f"save_steps {arguments.save_steps} is no multiple of eval_steps {eval_steps}",
                "only validated weights can be the best; or set load_best_model_at_end: false",
            )
    # before lambda is whole, a step is judged by terms that it will have to give up
    if settings.eval_strategy == "steps" and config.model.architecture != "csr":
        warmup = int(steps * config.loss.regularizer_warmup_ratio)
        arguments.eval_delay = min(warmup, steps - eval_steps)


def chooses_weights(settings: TrainingSection) -> bool:
    """Whether validations on the way decide which weights are kept, or when a run ends."""
    return settings.load_best_model_at_end or settings.early_stopping_patience is not None


def total_steps(trainer: Any, settings: TrainingSection) -> int:
    """Optimiser steps of the whole run."""
    if settings.max_steps > 0:
        return settings.max_steps
    batches = len(trainer.get_train_dataloader())
    epochs = settings.num_train_epochs / passes_per_epoch(settings)
    return max(1, int(-(-batches // settings.gradient_accumulation_steps) * epochs))


def early_stopping(config: Config, validated: bool) -> list[Any]:
    """The callback that stops after validations without a gain, where that is asked for."""
    from transformers import EarlyStoppingCallback

    patience = config.training.early_stopping_patience
    if patience is None or not validated:
        return []
    return [EarlyStoppingCallback(patience, config.training.early_stopping_threshold)]


def _routes(config: Config, columns: Sequence[str], trainable: Trainable) -> dict[str, str]:
    """The route through a router of each column: that of queries, or that of documents."""
    if not trainable.routed:
        return {}
    routes = {column: "document" for column in columns if column != "label"}
    if "query" in routes:
        routes["query"] = "query"
    aliases = {"anchor": "query", "negative": "negative_1"}
    for column, route in config.router.mapping.items():
        name = column if column in columns else aliases.get(column, column)
        routes[name] = route
    return routes


def _batch_samplers(config: Config, sources: Sequence[str]) -> dict[str, Any]:
    """How batches are drawn: within a dataset, and between datasets."""
    settings = config.training
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    growing: dict[str, Any] = {}
    if settings.grow_batch_from is not None:
        growing = {"grow_from": settings.grow_batch_from, "passes": passes_per_epoch(settings)}
    unique = settings.batch_sampler == "no_duplicates"
    return {
        "batch_sampler": row_batches(unique=unique, processes=processes, **growing),
        "multi_dataset_batch_sampler": mixed_batches(
            strategy=config.datasets.sampling_strategy,
            until=config.datasets.round_robin_until,
            sources=tuple(sources),
            processes=processes,
        ),
    }


def _has_tf32() -> bool:
    import torch

    return torch.cuda.get_device_capability()[0] >= 8
