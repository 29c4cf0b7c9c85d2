"""What a run would take, from a few steps that are thrown away: time, memory, the sparsity that it is held to.

Writes nothing that stays, and changes no file of the run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from splade_cli.config.resolve import Resolved
from splade_cli.datasets.loading import DatasetSplits
from splade_cli.records import Example
from splade_cli.training.run import Run
from splade_cli.training.tracking.trackers import require_tracking

PROBED = 3
"""Batches that are tried; the first one warms up and is not timed."""


@dataclass(frozen=True)
class Estimate:
    """A run before it is run; `gigabytes` is the peak, on the GPU where there is one, else of the process."""

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
        }


def _peak_memory() -> float:
    """Bytes of main memory that this process took at most; 0 on Windows, which has no such count."""
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def estimate(resolved: Resolved, datasets: Sequence[DatasetSplits]) -> Estimate:
    """Loads the model, tries some batches of the run's own, and counts.

    Validations come on top of the time. Raises what the run would raise before its first step.
    """
    config = resolved.config
    require_tracking(config.training.report_to)
    with tempfile.TemporaryDirectory() as place:
        run = Run(resolved, Path(place) / "run", datasets)
        if config.loss.teachers:
            run.sources = {name: [_as_scored(row) for row in rows] for name, rows in run.sources.items()}
        trainer = run.prepared()
        seconds = _step_seconds(trainer)
        steps = run.steps
    trained = sum(part.numel() for part in run.encoder.parameters() if part.requires_grad)
    device = run.trainable.view.device
    if device.name.startswith("cuda"):
        peak = float(torch.cuda.max_memory_allocated())
    else:
        peak = _peak_memory()
    rows = [row for part in datasets for row in part.train]
    return Estimate(
        base_model=config.model.base_model,
        architecture=config.model.architecture,
        rows={part.name: len(part.train) for part in datasets},
        validation_rows=len(run.held_out),
        with_scores=sum(row.scores is not None for row in rows),
        steps=steps,
        seconds_per_step=seconds * config.training.gradient_accumulation_steps,
        gigabytes=(peak + 8.0 * trained) / 1e9,  # AdamW's two moments come with its first step
        device=f"{device.name} {device.precision} ({device.reason})",
        sparsity=_sparsity(resolved, run.trainable.view.model.dimensions),
    )


def _step_seconds(trainer: Any) -> float:
    model = trainer.accelerator.prepare_model(trainer.model)
    model.train()
    taken = []
    for batch in islice(trainer.get_train_dataloader(), PROBED):
        started = time.perf_counter()
        trainer.compute_loss(model, trainer._prepare_inputs(batch)).backward()
        taken.append(time.perf_counter() - started)
    later = sorted(taken[1:] or taken)
    return later[len(later) // 2] if later else 0.0


def _as_scored(row: Example) -> Example:
    # teachers are not asked: a step costs the same whatever they say, and rows without scores would have another loss
    return row if row.scores is not None else replace(row, scores=(1.0, *(0.0 for _ in row.negatives)))


def _sparsity(resolved: Resolved, dimensions: int) -> str:
    loss, model = resolved.config.loss, resolved.config.model
    if model.architecture == "csr":
        return f"{model.csr_k} of {dimensions} latents"
    if model.architecture == "laspar":
        return f"{model.latent_document_k} of {dimensions} latents a document, {model.latent_query_k} a query"
    held = {
        "document": (loss.target_document_terms, loss.document_regularizer_weight, loss.document_regularizer),
        "query": (loss.target_query_terms, loss.query_regularizer_weight, loss.query_regularizer),
    }
    return "; ".join(
        f"{kind}: {target:g} terms, held by the controller"
        if target
        else f"{kind}: {name} weighing {weight:g}"
        for kind, (target, weight, name) in held.items()
    )
