"""Cost estimate of a run from a few steps that are thrown away: time, memory, sparsity.

Writes nothing that stays, and changes no file of the run.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch

from splade_cli.config.resolve import Resolved
from splade_cli.datasets.loading import DatasetSplits
from splade_cli.records import Example
from splade_cli.storage.files import temporary_folder
from splade_cli.training.loop.prerequisites import Prerequisites
from splade_cli.training.run import TrainingRun

PROBED = 3
"""Batches that are tried; the first one warms up and is not timed."""
MOMENTS = 8
"""Bytes a parameter of AdamW's two moments, which come with its first step."""


@dataclass(frozen=True)
class Estimate:
    """A run before it is run.

    Attributes:
        rows: by dataset; `with_scores` of them carry a teacher's.
        gigabytes: the peak, on the GPU where there is one, else of the process.
    """

    base_model: str
    architecture: str
    rows: dict[str, int]
    validation_rows: int
    with_scores: int
    steps: int
    seconds_per_step: float
    gigabytes: float
    device: str
    sparsity: str
    outline: dict[str, str]

    def facts(self) -> dict[str, Any]:
        """For people, in order."""
        return {
            "base model": self.base_model,
            "architecture": self.architecture,
            "rows": sum(self.rows.values()) if len(self.rows) == 1 else self.rows,
            "validation rows": self.validation_rows,
            "with scores": self.with_scores,
            "steps": self.steps,
            "seconds a step": round(self.seconds_per_step, 3),
            "minutes of training": round(self.seconds_per_step * self.steps / 60, 1),
            "memory in GB": round(self.gigabytes, 2),
            "device": self.device,
            "sparsity": self.sparsity,
            **self.outline,
        }


def estimate(resolved: Resolved, datasets: Sequence[DatasetSplits], needed: Prerequisites) -> Estimate:
    """Loads the model, tries some batches of the run's own, and counts.

    Validations come on top of the time. Raises what the run would raise before its first step.
    """
    config = resolved.config
    with temporary_folder() as folder:
        run = TrainingRun(resolved, folder / "run", datasets, needed=needed)
        if config.loss.teachers:
            run.sources = {name: [_as_scored(row) for row in rows] for name, rows in run.sources.items()}
        trainer = run.prepared()
        seconds = _step_seconds(trainer)
        steps = run.steps
        told = run.outline()
    trained = sum(part.numel() for part in run.encoder.parameters() if part.requires_grad)
    device = run.trainable.view.device
    on_gpu = device.name.startswith("cuda")
    peak = torch.cuda.max_memory_allocated() if on_gpu else _peak_of_process()
    rows = [row for part in datasets for row in part.train]
    return Estimate(
        base_model=config.model.base_model,
        architecture=config.model.architecture,
        rows={part.name: len(part.train) for part in datasets},
        validation_rows=len(run.held_out),
        with_scores=sum(row.scores is not None for row in rows),
        steps=steps,
        seconds_per_step=seconds * config.training.gradient_accumulation_steps,
        gigabytes=(peak + MOMENTS * trained) / 1e9,
        device=f"{device.name} {device.precision} ({device.reason})",
        sparsity=_sparsity(resolved, run.trainable.view.model.dimensions),
        outline=told,
    )


def _peak_of_process() -> int:
    """The most bytes that this process had in memory; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def _step_seconds(trainer: Any) -> float:
    """The median time of a forward and backward, the first of them left out."""
    model = trainer.accelerator.prepare_model(trainer.model)
    model.train()
    seconds = []
    for batch in islice(trainer.get_train_dataloader(), PROBED):
        started = time.perf_counter()
        trainer.compute_loss(model, trainer._prepare_inputs(batch)).backward()
        seconds.append(time.perf_counter() - started)
    if not seconds:
        return 0.0
    return statistics.median_high(seconds[1:] or seconds)


def _as_scored(row: Example) -> Example:
    # teachers are not asked: a step costs the same whatever they say
    # rows without scores would have another loss
    if row.scores is not None:
        return row
    return replace(row, scores=(1.0, *(0.0 for _ in row.negatives)))


def _sparsity(resolved: Resolved, dimensions: int) -> str:
    """What a run is held to, in words."""
    loss = resolved.config.loss
    model = resolved.config.model
    if model.architecture == "csr":
        return f"{model.csr_k} of {dimensions} latents"
    if model.architecture == "laspar":
        return f"{model.latent_document_k} of {dimensions} latents a document, {model.latent_query_k} a query"
    document = _penalty(
        loss.target_document_terms, loss.document_regularizer, loss.document_regularizer_weight
    )
    query = _penalty(loss.target_query_terms, loss.query_regularizer, loss.query_regularizer_weight)
    return f"document: {document}; query: {query}"


def _penalty(target: float | None, regularizer: str | None, weight: float | None) -> str:
    if target:
        return f"{target:g} terms, held by the controller"
    return f"{regularizer} weighing {weight:g}"
