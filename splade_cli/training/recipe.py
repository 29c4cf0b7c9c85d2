"""A model, rows and a configuration in, a trainer that is ready to run out. Knows no run folder's files."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splade_cli.config.schema import Config, TrainingSection
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import parse_measure
from splade_cli.model.encode import encode
from splade_cli.model.trainable import Trainable
from splade_cli.records import Example
from splade_cli.training.batches.samplers import mixed_batches, row_batches
from splade_cli.training.losses.anchor import Anchor
from splade_cli.training.losses.objective import as_datasets, loss_of

SAMPLE = 64
"""Texts of either kind whose active terms the controller looks at."""
EVALUATIONS = 5
"""Validations in a run whose configuration does not say."""
NANOBEIR = "NanoBEIR_mean_dot_ndcg@10"


def best_measure(config: Config) -> tuple[str, bool]:
    """The measure that chooses the best weights, by our name, and whether more of it is better.

    ``eval_`` before it may be left out; NanoBEIR's mean stands for validation nDCG@10 where NanoBEIR is not measured.

    Raises:
        InputError: no measure of that name.
    """
    name = config.training.metric_for_best_model.removeprefix("eval_")
    if name == NANOBEIR and config.evaluation.evaluator is None:
        name = "nDCG@10"
    if name != "loss" and not name.startswith("NanoBEIR"):
        parse_measure(name)
    greater = config.training.greater_is_better
    return name, name != "loss" if greater is None else greater


def prepare(
    trainable: Trainable,
    config: Config,
    sources: Mapping[str, Sequence[Example]],
    held_out: Sequence[Example],
    output: Path,
    measure: Callable[[], dict[str, float]] | None,
    callbacks: Sequence[Any] = (),
) -> Any:
    """A SparseEncoderTrainer, ready to train.

    Args:
        trainable: trained in place.
        sources: rows by the name of their dataset.
        held_out: validation rows, for their loss.
        output: the run folder; checkpoints go below it.
        measure: validation figures of the current weights, None without validation.
        callbacks: further ones.

    Raises:
        InputError: a loss that the rows cannot serve, or steps that do not fit one another.
    """
    from sentence_transformers.sparse_encoder.callbacks.splade_callbacks import (
        SpladeRegularizerWeightSchedulerCallback,
    )

    from splade_cli.training.loop import GuardedTrainer

    settings, encoder = config.training, trainable.encoder
    scale = label_scale(config, trainable, sources)
    datasets, kinds = as_datasets(sources, settings.negatives_per_query, config.loss.type, scale)
    validation = (
        as_datasets({"val": held_out}, settings.negatives_per_query, "auto", scale)[0] if held_out else {}
    )
    losses = {name: loss_of(kind, encoder, config) for name, kind in kinds.items()}
    watched = [*sparsity_callbacks(config, trainable, losses, sources), *callbacks]
    measured = measure is not None and settings.eval_strategy != "no"
    watched += early_stopping(config, measured)
    anchored = config.loss.anchor_weight > 0 and config.model.architecture != "laspar"
    columns = list(dict.fromkeys(column for rows in datasets.values() for column in rows.column_names))
    # its card looks for examples in the data, aloud; ours says what was measured
    encoder.model_card_data.set_widget_examples = lambda dataset: None
    trainer = GuardedTrainer(
        model=encoder,
        args=arguments(config, columns, trainable, output, measured),
        train_dataset=datasets,
        loss=losses,
        evaluator=_evaluator(measure) if measure is not None and measured else None,
        callbacks=watched,
        config=config,
        output=output,
        held_out=validation,
        anchor=Anchor(trainable, settings.seed) if anchored else None,
    )
    # it is added to every SpladeLoss that has none, and would have a word beside ours
    trainer.remove_callback(SpladeRegularizerWeightSchedulerCallback)
    pace(trainer, config)
    return trainer


def label_scale(config: Config, trainable: Trainable, sources: Mapping[str, Sequence[Example]]) -> float:
    """What teacher scores are multiplied by: 1, but for MarginMSE, which compares margins as they are."""
    if config.loss.type != "margin_mse":
        return 1.0
    from splade_cli.training.teachers.scores import margin_scale

    rows = [row for part in sources.values() for row in part]
    return margin_scale(rows, lambda texts, kind: encode(trainable.loaded, texts, kind))


def arguments(
    config: Config, columns: Sequence[str], trainable: Trainable, output: Path, measured: bool
) -> Any:
    """SparseEncoderTrainingArguments for a configuration; `pace` sets the steps once they are known."""
    from sentence_transformers import SparseEncoderTrainingArguments

    settings, place = config.training, trainable.loaded.device.name
    routed, cuda = trainable.routed, place.startswith("cuda")
    best, greater = best_measure(config)
    keep_best = measured and settings.load_best_model_at_end
    learned = trainable.static is not None and not config.model.freeze_static_embedding
    usual = {r"sub_modules\.query\.": settings.query_learning_rate} if learned else {}
    named = {"anchor": "query", "negative": "negative_1", **{column: column for column in columns}}
    chosen = {named.get(column, column): route for column, route in config.router.mapping.items()}
    routes = {column: "query" if column == "query" else "document" for column in columns if column != "label"}
    pin = settings.dataloader_pin_memory
    return SparseEncoderTrainingArguments(
        output_dir=str(output / "checkpoints"),
        num_train_epochs=settings.num_train_epochs / passes(settings),
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        activation_checkpointing=config.hardware.gradient_checkpointing or None,
        learning_rate=settings.learning_rate,
        learning_rate_mapping=config.router.learning_rate_patterns or usual,
        router_mapping={**routes, **chosen} if routed else {},
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.warmup_ratio,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        fp16=settings.fp16,
        bf16=settings.bf16,
        tf32=config.hardware.tf32 if cuda and _has_tf32() else None,
        use_cpu=place == "cpu",
        ddp_backend="gloo" if place == "cpu" and "LOCAL_RANK" in os.environ else None,
        torch_compile=settings.torch_compile,
        eval_strategy=settings.eval_strategy if measured else "no",
        save_strategy=settings.save_strategy,
        save_total_limit=settings.save_total_limit,
        logging_nan_inf_filter=False,
        load_best_model_at_end=keep_best,
        metric_for_best_model=f"eval_{best}" if measured else None,
        greater_is_better=greater,
        **samplers(config),
        seed=settings.seed,
        data_seed=settings.seed,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=cuda if pin is None else pin and cuda,
        dataloader_num_workers=settings.dataloader_num_workers,
        dataloader_prefetch_factor=settings.dataloader_prefetch_factor,
    )


def _has_tf32() -> bool:
    import torch

    return torch.cuda.get_device_capability()[0] >= 8


def samplers(config: Config) -> dict[str, Any]:
    """How batches are drawn: within a dataset, and between datasets."""
    settings = config.training
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    growing: dict[str, Any] = {}
    if settings.grow_batch_from is not None:
        growing = {"grow_from": settings.grow_batch_from, "passes": passes(settings)}
    unique = settings.batch_sampler == "no_duplicates"
    return {
        "batch_sampler": row_batches(unique=unique, processes=processes, **growing),
        "multi_dataset_batch_sampler": mixed_batches(
            strategy=config.datasets.sampling_strategy, processes=processes
        ),
    }


def passes(settings: TrainingSection) -> int:
    """Passes over the rows within one epoch of the trainer: all of them where batches are to grow over the run."""
    return 1 if settings.grow_batch_from is None else max(1, round(settings.num_train_epochs))


def sparsity_callbacks(
    config: Config, trainable: Trainable, losses: Mapping[str, Any], sources: Mapping[str, Sequence[Example]]
) -> list[Any]:
    """What sets the regularisers' weights: the controller where terms are asked for, else the warm-up."""
    from splade_cli.training.sparsity.controller import Controller, MovingAverages, Warmup, active_terms

    wanted = config.loss
    averages = MovingAverages(losses)
    if wanted.target_document_terms is None and wanted.target_query_terms is None:
        return [Warmup(losses, wanted.regularizer_warmup_ratio), averages]
    rows = [row for part in sources.values() for row in part]
    generator = random.Random(config.training.seed)
    sample = generator.sample(rows, min(SAMPLE, len(rows)))
    documents = list(dict.fromkeys(row.positive for row in sample))
    queries = list(dict.fromkeys(row.query for row in sample))
    controller = Controller(
        losses,
        document_terms=wanted.target_document_terms,
        query_terms=wanted.target_query_terms,
        measure=lambda: active_terms(trainable.loaded, documents, queries),
        decoder=trainable.loaded.splade.decoder[0] if config.model.architecture != "laspar" else None,
    )
    # the schedule would overwrite what the controller sets; a kind without a target keeps its weight from the start
    return [controller, averages]


def early_stopping(config: Config, measured: bool) -> list[Any]:
    """The callback that stops after validations without a gain, where that is asked for."""
    from transformers import EarlyStoppingCallback

    patience = config.training.early_stopping_patience
    if patience is None or not measured:
        return []
    return [EarlyStoppingCallback(patience, config.training.early_stopping_threshold)]


def pace(trainer: Any, config: Config) -> None:
    """Sets when to log, validate and save, now that the trainer knows its steps; takes its own printing away.

    Raises:
        InputError: save_steps that are no multiple of eval_steps, where the best weights are to be kept.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    settings, steps = config.training, total_steps(trainer, config.training)
    arguments = trainer.args
    every = min(steps, settings.eval_steps or max(1, steps // EVALUATIONS))
    arguments.logging_steps = min(settings.logging_steps, steps)
    arguments.eval_steps, arguments.save_steps = every, min(steps, settings.save_steps or every)
    if arguments.load_best_model_at_end:
        if settings.save_strategy != settings.eval_strategy:
            raise InputError(
                f"save_strategy {settings.save_strategy} and eval_strategy {settings.eval_strategy} differ",
                "they must agree where load_best_model_at_end is true",
            )
        if settings.save_strategy == "steps" and arguments.save_steps % every:
            raise InputError(
                f"save_steps {arguments.save_steps} is no multiple of eval_steps {every}",
                "only validated weights can be the best; or set load_best_model_at_end: false",
            )
    # before lambda is whole, a step is judged by terms that it will have to give up
    if settings.eval_strategy == "steps" and config.model.architecture != "csr":
        arguments.eval_delay = min(int(steps * config.loss.regularizer_warmup_ratio), steps - every)


def total_steps(trainer: Any, settings: TrainingSection) -> int:
    """Optimiser steps of the whole run."""
    if settings.max_steps > 0:
        return settings.max_steps
    batches = len(trainer.get_train_dataloader())
    epochs = settings.num_train_epochs / passes(settings)
    return max(1, int(-(-batches // settings.gradient_accumulation_steps) * epochs))


def _evaluator(measure: Any) -> Any:
    from sentence_transformers.base.evaluation import BaseEvaluator

    class CurrentWeights(BaseEvaluator):
        """Lets sentence-transformers' trainer ask our validation."""

        def __call__(
            self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
        ) -> Any:
            return measure()

    return CurrentWeights()
