"""Assembly of a trainer: datasets, losses, callbacks and arguments for a model and a configuration."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splade_cli.config.schema import Config
from splade_cli.datasets.teacher_run import TeacherRun
from splade_cli.model.device import choose_device
from splade_cli.model.encode import encode
from splade_cli.model.kernels.dispatch import bf16_is_faster
from splade_cli.model.options import ModelOptions
from splade_cli.records import Example
from splade_cli.training.averaging import WITH_VOCABULARY
from splade_cli.training.laspar.temperature import measured_temperature
from splade_cli.training.loop.arguments import early_stopping, set_intervals, training_arguments
from splade_cli.training.losses.anchor import Anchor
from splade_cli.training.losses.objective import (
    as_datasets,
    by_run,
    loss_of,
    source_of,
)
from splade_cli.training.sparsity.controller import SparsityController
from splade_cli.training.sparsity.lambda_schedule import LambdaWarmup
from splade_cli.training.sparsity.moving_averages import MovingAverages
from splade_cli.training.sparsity.regularized_losses import active_terms
from splade_cli.training.teachers.matrix import TeacherMatrix
from splade_cli.training.trainable import Trainable

SAMPLE = 64
"""Texts of either kind whose active terms the controller looks at."""


def model_options(config: Config) -> ModelOptions:
    """How the base model is opened."""
    settings = config.training
    precision = "fp32"
    if settings.bf16 is True:
        precision = "bf16"
    elif settings.fp16:
        precision = "fp16"
    return ModelOptions(
        device=config.hardware.device, precision=precision, max_seq_length=settings.max_seq_length
    )


def with_precision(config: Config) -> Config:
    """The configuration with `training.bf16` decided: ``auto`` is whether a SPLADE model gains by it here."""
    settings = config.training
    if settings.bf16 != "auto":
        return config
    is_splade = config.model.architecture in WITH_VOCABULARY
    on_cpu = is_splade and not settings.fp16 and choose_device(config.hardware.device).name == "cpu"
    decided = settings.model_copy(update={"bf16": on_cpu and bf16_is_faster("cpu")})
    return config.model_copy(update={"training": decided})


def prepare(
    trainable: Trainable,
    config: Config,
    sources: Mapping[str, Sequence[Example]],
    held_out: Sequence[Example],
    output: Path,
    measure: Callable[[], dict[str, float]] | None,
    callbacks: Sequence[Any] = (),
    teacher: TeacherMatrix | None = None,
    runs: Mapping[str, TeacherRun] | None = None,
) -> Any:
    """A SparseEncoderTrainer, ready to train.

    Args:
        trainable: trained in place.
        sources: rows by the name of their dataset.
        held_out: validation rows, for their loss.
        output: the run folder; checkpoints go below it.
        measure: validation figures of the current weights, None without validation.
        callbacks: further ones.
        teacher: a dense teacher's vectors of all rows' texts, where batches are distilled from one.
        runs: a teacher's, by the name of the dataset that they are beside.

    Raises:
        InputError: a loss that the rows cannot serve, or steps that do not fit one another.
    """
    from sentence_transformers.sparse_encoder.callbacks.splade_callbacks import (
        SpladeRegularizerWeightSchedulerCallback,
    )

    from splade_cli.training.loop.guarded_trainer import GuardedTrainer

    config = with_temperature(config, trainable, sources)
    settings = config.training
    encoder = trainable.encoder
    negatives = settings.negatives_per_query
    runs = runs or {}
    drops_source = config.loss.source_chunk == "drop" and config.loss.type in ("auto", "kl")
    scale = label_scale(config, trainable, sources)
    datasets, kinds = as_datasets(sources, negatives, config.loss.type, scale, teacher, runs, drops_source)
    validation: dict[str, Any] = {}
    if held_out:
        parts = by_run(held_out, negatives, runs)
        validation = as_datasets(parts, negatives, "auto", scale, teacher, runs, drops_source)[0]
    losses = {
        name: loss_of(kind, encoder, config, teacher, runs.get(source_of(name)))
        for name, kind in kinds.items()
    }
    validated = measure is not None and settings.eval_strategy != "no"
    evaluator = _evaluator(measure) if measure is not None and validated else None
    anchored = config.loss.anchor_weight > 0 and config.model.architecture != "laspar"
    anchor = Anchor(trainable, settings.seed) if anchored else None
    columns = list(dict.fromkeys(column for rows in datasets.values() for column in rows.column_names))
    # its card looks for examples in the data, aloud; ours says what was measured
    encoder.model_card_data.set_widget_examples = lambda dataset: None
    trainer = GuardedTrainer(
        model=encoder,
        args=training_arguments(
            config, columns, trainable, output, validated, [source_of(name) for name in datasets]
        ),
        train_dataset=datasets,
        loss=losses,
        evaluator=evaluator,
        callbacks=[
            *sparsity_callbacks(config, trainable, losses, sources),
            *callbacks,
            *early_stopping(config, validated),
        ],
        config=config,
        output=output,
        held_out=validation,
        anchor=anchor,
    )
    # it is added to every SpladeLoss that has none, and would have a word beside ours
    trainer.remove_callback(SpladeRegularizerWeightSchedulerCallback)
    set_intervals(trainer, config)
    return trainer


def with_temperature(
    config: Config, trainable: Trainable, sources: Mapping[str, Sequence[Example]]
) -> Config:
    """The configuration with the temperature and scale of a latent model's cosines, which are measured."""
    loss = config.loss
    if config.model.architecture != "laspar":
        return config
    temperature = loss.student_temperature
    if temperature is None:
        rows = [row for part in sources.values() for row in part]
        temperature = measured_temperature(rows, lambda texts, kind: encode(trainable.loaded, texts, kind))
    found = {"student_temperature": temperature, "scale": loss.scale or 1 / temperature}
    return config.model_copy(update={"loss": loss.model_copy(update=found)})


def label_scale(config: Config, trainable: Trainable, sources: Mapping[str, Sequence[Example]]) -> float:
    """What teacher scores are multiplied by: 1, but for MarginMSE, which compares margins as they are."""
    if config.loss.type != "margin_mse":
        return 1.0
    from splade_cli.training.teachers.scores import margin_scale

    rows = [row for part in sources.values() for row in part]
    return margin_scale(rows, lambda texts, kind: encode(trainable.loaded, texts, kind))


def sparsity_callbacks(
    config: Config, trainable: Trainable, losses: Mapping[str, Any], sources: Mapping[str, Sequence[Example]]
) -> list[Any]:
    """What sets the regularisers' weights: the controller where terms are asked for, else the warm-up."""
    settings = config.loss
    averages = MovingAverages(losses)
    if settings.target_document_terms is None and settings.target_query_terms is None:
        return [LambdaWarmup(losses, settings.regularizer_warmup_ratio), averages]
    rows = [row for part in sources.values() for row in part]
    sample = random.Random(config.training.seed).sample(rows, min(SAMPLE, len(rows)))
    documents = list(dict.fromkeys(row.positive for row in sample))
    queries = list(dict.fromkeys(row.query for row in sample))
    controller = SparsityController(
        losses,
        document_terms=settings.target_document_terms,
        query_terms=settings.target_query_terms,
        measure=lambda: active_terms(trainable.loaded, documents, queries),
        decoder=trainable.loaded.splade.decoder if config.model.architecture != "laspar" else None,
    )
    # no schedule, which would overwrite what the controller sets
    # a kind without a target keeps its weight from the start
    return [controller, averages]


def _evaluator(measure: Callable[[], dict[str, float]]) -> Any:
    from sentence_transformers.base.evaluation import BaseEvaluator

    class CurrentWeights(BaseEvaluator):  # type: ignore[misc]
        """Lets sentence-transformers' trainer ask our validation."""

        def __call__(
            self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
        ) -> Any:
            return measure()

    return CurrentWeights()
