"""What a run is going to do, in sentences: what is cut off, sampled, kept, and learned at which rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from splade_cli.config.schema import Config
from splade_cli.datasets.loading import DatasetSplits
from splade_cli.records import Example
from splade_cli.training.averaging import AUTO, wanted_share
from splade_cli.training.loop.learning_rates import learning_rates, parameters_by_rate
from splade_cli.training.losses.objective import RUN_KIND
from splade_cli.training.trainable import Trainable

LISTS = "a teacher's run scores all documents of a batch; the chunk that a query was written from is left out"

VALIDATION = "written queries are judged by what their teachers rank first beside the chunk that they are of"


def outline(
    config: Config, trainable: Trainable, trainer: Any, sources: Mapping[str, Sequence[Example]]
) -> dict[str, str]:
    """Sentences about a run that is prepared, by what they are about.

    Args:
        trainer: before its first step.
        sources: rows by the name of their dataset.
    """
    told = {"texts": _texts(config, trainable), "weights": _weights(config, trainable)}
    if config.model.architecture in ("splade", "inference-free-splade"):
        told["negatives"] = _negatives(config, sources)
        if any(RUN_KIND in name for name in trainer.loss):
            told["lists"] = LISTS
            told["validation"] = VALIDATION
        told["learning rate"] = _rates(config, trainable)
    if config.model.architecture == "laspar":
        told["teachers"] = _teachers(config)
        told["temperature"] = f"cosines are divided by {trainer.config.loss.student_temperature:.3g}"
    if len(sources) > 1 and getattr(trainer, "mixed_batches", None) is not None:
        told["datasets"] = _shares(config, trainer.mixed_batches.shares(), sources)
    return told


def dataset_statistics(
    datasets: Sequence[DatasetSplits], sources: Mapping[str, Sequence[Example]], trainer: Any
) -> dict[str, float]:
    """``datasets.NAME.rows``, ``.validation_rows`` and ``.share`` of the batches, of each dataset."""
    total = sum(map(len, sources.values()))
    shares = {name: len(rows) / total for name, rows in sources.items()}
    if getattr(trainer, "mixed_batches", None) is not None:
        shares = trainer.mixed_batches.shares()
    statistics: dict[str, float] = {}
    for dataset in datasets:
        of_dataset = f"datasets.{dataset.name}"
        statistics[f"{of_dataset}.rows"] = len(sources.get(dataset.name, ()))
        statistics[f"{of_dataset}.validation_rows"] = len(dataset.val)
        statistics[f"{of_dataset}.share"] = round(shares.get(dataset.name, 0.0), 4)
    return statistics


def _texts(config: Config, trainable: Trainable) -> str:
    longest = trainable.view.model.max_seq_length
    step = config.training.truncate_to
    if step is None or step >= longest:
        return f"the first {longest} tokens of a text are read"
    return f"a step reads the first {step} tokens of a text, the model that is saved {longest}"


def _weights(config: Config, trainable: Trainable) -> str:
    share = wanted_share(config, is_adaptation=trainable.was_sparse)
    if share == "validation":
        return "an average of the tuned weights and the base's, whose share validation chooses"
    if share == AUTO:
        return "an average of the tuned weights and the base's, half and half unless the guard asks for less"
    if share != 1:
        return f"an average: {share:g} of the tuned weights, the rest of the base's"
    if config.training.load_best_model_at_end:
        return "those of the best validation, as they are"
    return "those of the last step, as they are"


def _teachers(config: Config) -> str:
    if config.loss.teachers:
        return ", ".join(config.loss.teachers)
    if config.loss.type != "auto":
        return "none"
    return "none: no dense model is at hand; name one in loss.teachers, e.g. all-MiniLM-L6-v2"


def _negatives(config: Config, sources: Mapping[str, Sequence[Example]]) -> str:
    most = config.training.negatives_per_query
    counts = Counter(min(most, len(row.negatives)) for rows in sources.values() for row in rows)
    told = ", ".join(f"{rows:,} rows with {count}" for count, rows in sorted(counts.items(), reverse=True))
    return f"{told}; {most} at most are taken"


def _rates(config: Config, trainable: Trainable) -> str:
    rates = learning_rates(config, trainable)
    counts = parameters_by_rate(rates, trainable)
    told = [f"{rates[pattern]:g} for {counts[pattern]:,} weights ({pattern})" for pattern in rates]
    if "" in counts:
        rest = f"{config.training.learning_rate:g} for {counts['']:,} weights"
        told.append(f"{rest} (all others)" if told else rest)
    return "; ".join(told)


def _shares(config: Config, shares: Mapping[str, float], sources: Mapping[str, Sequence[Example]]) -> str:
    told = ", ".join(
        f"{name} {share:.0%} of the batches ({len(sources[name]):,} rows)" for name, share in shares.items()
    )
    if config.datasets.sampling_strategy == "round_robin":
        return f"round_robin until {config.datasets.round_robin_until}: {told}"
    return f"proportional: {told}"
