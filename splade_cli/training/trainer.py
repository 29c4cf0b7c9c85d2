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
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splade_cli.config import Config, Resolved, resolve
from splade_cli.corpus.dataset import read_examples
from splade_cli.errors import InputError, ModelError
from splade_cli.records import Example, claim_output, replacing, replacing_folder
from splade_cli.training.tracking import Listener, MetricsLog, newest_checkpoint
from splade_cli.training.validation import MEASURES, Validation, average

SHARES = (0.5, 0.75, 1.0)


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
        options = {
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
        self.base = {name: value.detach().cpu().clone() for name, value in self.encoder.state_dict().items()}
        self.training = training
        self.validation = Validation.from_examples(held_out, training, settings.seed) if held_out else None
        output.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            (output / "metrics.jsonl").unlink(missing_ok=True)
        self.log = MetricsLog(output / "metrics.jsonl", listener)
        with replacing(output / "config.yaml") as path:
            path.write_text(_as_yaml(self.config), encoding="utf-8")
        with replacing(output / "origins.txt") as path:
            path.write_text("\n".join(resolved.lines()) + "\n", encoding="utf-8")

    def train(self) -> Trained:
        settings = self.config.training
        before = self._measure()
        if before:
            self.log.write({"step": 0, **before, "stage": "before"})
        trainer = self._trainer()
        try:
            trainer.train(resume_from_checkpoint=str(self.checkpoint) if self.checkpoint else None)
        except KeyboardInterrupt:
            if trainer.state.global_step:
                trainer._save_checkpoint(trainer.model, trial=None)
            raise
        best = trainer.state.best_global_step or trainer.state.global_step
        share = 1.0
        if self.validation and settings.average_with_base:
            measure = settings.metric_for_best_model
            share, tried = average(self.encoder, self.base, SHARES, lambda: self._measure()[measure])
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

    def _trainer(self) -> Any:
        from sentence_transformers import SparseEncoderTrainer, SparseEncoderTrainingArguments
        from sentence_transformers.sparse_encoder.callbacks.splade_callbacks import (
            SpladeRegularizerWeightSchedulerCallback,
        )
        from sentence_transformers.training_args import BatchSamplers, MultiDatasetBatchSamplers
        from transformers import EarlyStoppingCallback, PrinterCallback

        settings = self.config.training
        datasets, kinds = as_datasets(self.training, settings.negatives_per_query, self.config.loss.type)
        steps = settings.max_steps if settings.max_steps > 0 else self._steps(datasets)
        every = min(steps, settings.eval_steps or max(1, steps // 5))
        strategy = "steps" if self.validation else "no"
        arguments = SparseEncoderTrainingArguments(
            output_dir=str(self.output / "checkpoints"),
            num_train_epochs=settings.num_train_epochs,
            max_steps=settings.max_steps,
            per_device_train_batch_size=settings.per_device_train_batch_size,
            per_device_eval_batch_size=settings.per_device_eval_batch_size,
            gradient_accumulation_steps=settings.gradient_accumulation_steps,
            gradient_checkpointing=self.config.hardware.gradient_checkpointing,
            learning_rate=settings.learning_rate,
            warmup_steps=settings.warmup_ratio,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            fp16=settings.fp16,
            bf16=settings.bf16,
            use_cpu=self.loaded.device.name == "cpu",
            eval_strategy=strategy,
            eval_steps=every,
            save_strategy="steps",
            save_steps=every,
            save_total_limit=settings.save_total_limit,
            logging_steps=min(settings.logging_steps, steps),
            logging_nan_inf_filter=False,
            load_best_model_at_end=bool(self.validation),
            metric_for_best_model=f"eval_{settings.metric_for_best_model}" if self.validation else None,
            greater_is_better=True,
            batch_sampler=BatchSamplers.NO_DUPLICATES,
            multi_dataset_batch_sampler=MultiDatasetBatchSamplers.PROPORTIONAL,
            seed=settings.seed,
            data_seed=settings.seed,
            disable_tqdm=True,
            report_to="none",
            dataloader_pin_memory=self.loaded.device.name.startswith("cuda"),
        )
        losses = {name: self._loss(kind) for name, kind in kinds.items()}
        ratio = self.config.loss.regularizer_warmup_ratio
        callbacks: list[Any] = [SpladeRegularizerWeightSchedulerCallback(loss, warmup_ratio=ratio) for loss in losses.values()]
        callbacks += [self.log, _FiniteLoss()]
        if settings.early_stopping_patience and self.validation:
            callbacks.append(EarlyStoppingCallback(settings.early_stopping_patience, settings.early_stopping_threshold))
        trainer = SparseEncoderTrainer(
            model=self.encoder,
            args=arguments,
            train_dataset=datasets,
            loss=losses,
            evaluator=_evaluator(self._measure) if self.validation else None,
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _steps(self, datasets: dict[str, Any]) -> int:
        settings = self.config.training
        batches = sum(math.ceil(len(rows) / settings.per_device_train_batch_size) for rows in datasets.values())
        return max(1, math.ceil(batches / settings.gradient_accumulation_steps * settings.num_train_epochs))

    def _loss(self, kind: str) -> Any:
        from sentence_transformers.sparse_encoder import losses as stock

        from splade_cli.model.losses import ListwiseDistillation

        wanted = self.config.loss
        if kind == "kl":
            inner: Any = ListwiseDistillation(
                self.encoder,
                student_temperature=wanted.student_temperature,
                teacher_temperature=wanted.teacher_temperature,
            )
        elif kind == "margin_mse":
            inner = stock.SparseMarginMSELoss(self.encoder)
        else:
            inner = stock.SparseMultipleNegativesRankingLoss(self.encoder)
        return stock.SpladeLoss(
            self.encoder,
            inner,
            document_regularizer_weight=wanted.document_regularizer_weight,
            query_regularizer_weight=wanted.query_regularizer_weight,
        )

    def _save(self, result: Trained) -> None:
        with replacing_folder(result.model_dir) as temporary:
            self.encoder.save_pretrained(str(temporary), create_model_card=False, safe_serialization=True)
            (temporary / "README.md").write_text(_card(self.config, result), encoding="utf-8")
            record = {"steps": result.steps, "share": result.share, "before": result.before, "after": result.after}
            (temporary / "training.json").write_text(json.dumps(record, indent=2), encoding="utf-8")


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


def _FiniteLoss() -> Any:
    from transformers import TrainerCallback

    class FiniteLoss(TrainerCallback):
        """Stops a run whose loss is no number any more: going on would only overwrite good checkpoints."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            for name in ("loss", "grad_norm"):
                value = (logs or {}).get(name)
                if value is not None and not math.isfinite(value):
                    raise ModelError(
                        f"{name} is {value} at step {state.global_step}",
                        "lower --learning-rate, or train in fp32; --resume goes on from the last checkpoint",
                    )

    return FiniteLoss()


def _as_yaml(config: Config) -> str:
    import yaml

    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False)
    return text


def _card(config: Config, result: Trained) -> str:
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: feature-extraction",
        "tags: [sparse-encoder, splade, sentence-transformers]",
        f"base_model: {config.model.base_model}",
        "---",
        "",
        f"# SPLADE model fine-tuned from `{config.model.base_model}`",
        "",
        f"{result.steps} steps on {result.rows} rows of `{config.datasets.train_file}`"
        + (f"; {result.share:.2f} tuned weights, {1 - result.share:.2f} base weights." if result.share < 1 else "."),
        "",
    ]
    if result.after:
        lines += ["| validation | before | after |", "|---|---|---|"]
        lines += [f"| {name} | {result.before[name]:.4f} | {value:.4f} |" for name, value in result.after.items()]
        lines += ["", "Validation queries were held out from the same source as the training queries.", ""]
    lines += ["```python", "from sentence_transformers import SparseEncoder", 'model = SparseEncoder("this/folder")', "```"]
    return "\n".join(lines) + "\n"


def _quiet() -> None:
    """Notes for people who write training loops do not belong between a user's figures."""
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    for name in ("sentence_transformers", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import datasets

    datasets.disable_progress_bars()
