"""Rows and a configuration in, sentence-transformers' trainer set up with our losses out. Knows no run folder's files.

Rows are grouped by what a batch needs to have in common: the loss, and the number of negatives.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from splade_cli.config import Config
from splade_cli.errors import InputError
from splade_cli.records import Example
from splade_cli.training.tracking import FiniteLoss, MetricsLog


def prepare(
    encoder: Any,
    config: Config,
    rows: Sequence[Example],
    output: Path,
    device: str,
    log: MetricsLog,
    measure: Callable[[], dict[str, float]] | None,
) -> Any:
    """A SparseEncoderTrainer, ready to train.

    Args:
        encoder: a sentence-transformers SparseEncoder, trained in place.
        output: the run folder; checkpoints go below it.
        device: as torch spells it.
        log: gets what is measured.
        measure: validation figures of the current weights, None without validation rows.

    Raises:
        InputError: a loss that the rows cannot serve.
    """
    from sentence_transformers import SparseEncoderTrainer, SparseEncoderTrainingArguments
    from sentence_transformers.sparse_encoder.callbacks.splade_callbacks import (
        SpladeRegularizerWeightSchedulerCallback,
    )
    from sentence_transformers.training_args import BatchSamplers, MultiDatasetBatchSamplers
    from transformers import EarlyStoppingCallback, PrinterCallback

    settings = config.training
    datasets, kinds = as_datasets(rows, settings.negatives_per_query, config.loss.type)
    steps = settings.max_steps if settings.max_steps > 0 else step_count(datasets, config)
    every = min(steps, settings.eval_steps or max(1, steps // 5))
    strategy = "steps" if measure else "no"
    arguments = SparseEncoderTrainingArguments(
        output_dir=str(output / "checkpoints"),
        num_train_epochs=settings.num_train_epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        activation_checkpointing=config.hardware.gradient_checkpointing or None,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_ratio,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        fp16=settings.fp16,
        bf16=settings.bf16,
        use_cpu=device == "cpu",
        eval_strategy=strategy,
        eval_steps=every,
        # before lambda is whole, a step is judged by terms that it will have to give up
        eval_delay=min(int(steps * config.loss.regularizer_warmup_ratio), steps - every),
        save_strategy="steps",
        save_steps=every,
        save_total_limit=settings.save_total_limit,
        logging_steps=min(settings.logging_steps, steps),
        logging_nan_inf_filter=False,
        load_best_model_at_end=measure is not None,
        metric_for_best_model=f"eval_{settings.metric_for_best_model}" if measure else None,
        greater_is_better=True,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        multi_dataset_batch_sampler=MultiDatasetBatchSamplers.PROPORTIONAL,
        seed=settings.seed,
        data_seed=settings.seed,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=device.startswith("cuda"),
    )
    losses = {name: loss_of(kind, encoder, config) for name, kind in kinds.items()}
    ratio = config.loss.regularizer_warmup_ratio
    callbacks: list[Any] = [
        SpladeRegularizerWeightSchedulerCallback(loss, warmup_ratio=ratio) for loss in losses.values()
    ]
    callbacks += [log, FiniteLoss()]
    if settings.early_stopping_patience and measure:
        callbacks.append(EarlyStoppingCallback(settings.early_stopping_patience, settings.early_stopping_threshold))
    # its card looks for examples in the data, aloud; ours says what was measured
    encoder.model_card_data.set_widget_examples = lambda dataset: None
    trainer = SparseEncoderTrainer(
        model=encoder,
        args=arguments,
        train_dataset=datasets,
        loss=losses,
        evaluator=_evaluator(measure) if measure else None,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def step_count(datasets: dict[str, Any], config: Config) -> int:
    """Optimiser steps for datasets of rows, each batched by itself."""
    settings = config.training
    batches = sum(math.ceil(len(rows) / settings.per_device_train_batch_size) for rows in datasets.values())
    return max(1, math.ceil(batches / settings.gradient_accumulation_steps * settings.num_train_epochs))


def loss_of(kind: str, encoder: Any, config: Config) -> Any:
    """SpladeLoss with FLOPS around the inner loss of one kind of rows: kl, margin_mse or contrastive."""
    from sentence_transformers.sparse_encoder import losses as stock

    from splade_cli.model.losses import ListwiseDistillation

    wanted = config.loss
    if kind == "kl":
        inner: Any = ListwiseDistillation(
            encoder,
            student_temperature=wanted.student_temperature,
            teacher_temperature=wanted.teacher_temperature,
        )
    elif kind == "margin_mse":
        inner = stock.SparseMarginMSELoss(encoder)
    else:
        inner = stock.SparseMultipleNegativesRankingLoss(encoder)
    return stock.SpladeLoss(
        encoder,
        inner,
        document_regularizer_weight=wanted.document_regularizer_weight,
        query_regularizer_weight=wanted.query_regularizer_weight,
    )


def as_datasets(examples: Sequence[Example], negatives: int, loss: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Rows of like shape together, since a batch needs equal columns; no row is dropped.

    Args:
        negatives: kept a row at most.
        loss: ``auto`` distils (kl) the rows that carry scores for at least two documents and contrasts the rest.

    Returns:
        ``{name: datasets.Dataset}`` with columns query, positive, negative_1.. and label, and ``{name: loss kind}``.

    Raises:
        InputError: a distillation loss was asked for and no row carries scores.
    """
    from datasets import Dataset

    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for example in examples:
        texts = example.negatives[:negatives]
        scored = example.scores is not None and len(texts) > 0
        kind = "contrastive" if loss == "contrastive" or not scored else "kl" if loss == "auto" else loss
        row: dict[str, Any] = {"query": example.query, "positive": example.positive}
        row.update({f"negative_{number}": text for number, text in enumerate(texts, 1)})
        if kind != "contrastive" and example.scores is not None:
            row["label"] = list(example.scores[: 1 + len(texts)])
        groups[kind, len(texts)].append(row)
    if loss in ("kl", "margin_mse") and not any(kind == loss for kind, _ in groups):
        raise InputError(f"loss '{loss}' needs rows with 'scores', and no row has any", "use --loss contrastive")
    named = {f"{kind}-{count}": rows for (kind, count), rows in sorted(groups.items())}
    return {name: Dataset.from_list(rows) for name, rows in named.items()}, {
        name: name.rpartition("-")[0] for name in named
    }


def _evaluator(measure: Any) -> Any:
    from sentence_transformers.base.evaluation import BaseEvaluator

    class CurrentWeights(BaseEvaluator):
        """Lets sentence-transformers' trainer ask our validation."""

        def __call__(self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1) -> Any:
            return measure()

    return CurrentWeights()
