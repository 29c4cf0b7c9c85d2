"""A trainer of a sparse autoencoder over dense vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Trainer, TrainingArguments

from splade_cli.errors import InputError, ModelError
from splade_cli.model.csr.encoder import initialize
from splade_cli.training.csr.loss import CsrObjective, CsrWeights
from splade_cli.training.loop.checkpoints import CheckedCheckpoints
from splade_cli.training.loop.failures import check_loss


class CsrTrainer(CheckedCheckpoints, Trainer):  # type: ignore[misc]
    """A transformers.Trainer over row numbers, whose validation is whatever `measure` says."""

    def __init__(
        self, *args: Any, measure: Callable[[], dict[str, float]] | None, output: Path, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.measure = measure
        self.output = output

    @property
    def objective(self) -> CsrObjective:
        """The loss, past what several processes wrap around it."""
        objective = self.accelerator.unwrap_model(self.model)
        assert isinstance(objective, CsrObjective)
        return objective

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch. Raises ModelError where it is not finite."""
        self.objective.progress = self.state.global_step / max(1, self.state.max_steps)
        output = super().compute_loss(model, inputs, *args, **kwargs)
        loss = output[0] if isinstance(output, tuple) else output
        batch = {"rows": [str(row) for row in inputs["rows"].tolist()]}
        check_loss({**self.objective.parts, "loss": loss}, batch, self.state.global_step + 1, self.output)
        return output

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the parts of the last step's loss and the dead latents."""
        if "loss" in logs:
            logs |= {f"{name}_loss": round(float(part), 5) for name, part in self.objective.parts.items()}
            logs["dead_latents"] = self.objective.dead
        super().log(logs, *args, **kwargs)

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> dict[str, float]:
        """What `measure` gives, as a trainer's metrics."""
        figures = self.measure() if self.measure else {}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        self.log(dict(metrics))
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


@dataclass(frozen=True)
class _Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
    count: int
    column_names: list[str] = field(default_factory=lambda: ["rows"])

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> int:
        return row


def _batch(rows: Sequence[int]) -> dict[str, Tensor]:
    return {"rows": torch.tensor(rows)}


@dataclass(frozen=True, eq=False)
class CsrTexts:
    """The texts that an autoencoder learns from.

    Attributes:
        vectors: [n, d] of the unique texts, from the modules before the autoencoder.
        pairs: [m, 2], the rows of a query and its positive; None for a corpus alone.
    """

    vectors: NDArray[np.float32]
    pairs: NDArray[np.int64] | None = None


def prepare_csr(
    encoder: Any,
    texts: CsrTexts,
    arguments: TrainingArguments,
    *,
    output: Path,
    weights: CsrWeights | None = None,
    measure: Callable[[], dict[str, float]] | None = None,
    callbacks: Sequence[Any] = (),
    fresh: bool = True,
) -> CsrTrainer:
    """A trainer of the autoencoder that `encoder` ends in, ready to run.

    Args:
        encoder: a SparseEncoder, see `autoencoder.make_csr`; its autoencoder is trained in place.
        texts: by their dense vectors.
        arguments: steps, rate, batch (texts, whose neighbours come on top), evaluation, checkpoints.
        output: the run folder, for the rows of a batch whose loss is not finite.
        measure: validation figures of the current weights.
        fresh: start the autoencoder's parameters from the vectors; False to go on with those that it has.

    Raises:
        InputError: fewer than two vectors, or pairs of rows that are not there.
        ModelError: an autoencoder that normalises its input, whose loss is another.
    """
    vectors = texts.vectors
    pairs = texts.pairs
    if len(vectors) < 2:
        raise InputError(f"{len(vectors)} texts are too few to train on", "add documents")
    if pairs is None:
        pairs = np.empty((0, 2), dtype=np.int64)
    links = torch.from_numpy(np.asarray(pairs, dtype=np.int64))
    if links.numel() and not 0 <= int(links.min()) <= int(links.max()) < len(vectors):
        raise InputError(
            f"a pair names row {int(links.max())} of {len(vectors)} vectors", "pairs are rows of the vectors"
        )
    autoencoder = encoder[-1]
    rows = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    if autoencoder.normalize:
        raise ModelError(
            "the autoencoder normalises its input, which cannot be trained here", "start from a dense model"
        )
    if fresh:
        initialize(autoencoder.cpu(), rows, arguments.seed)
    objective = CsrObjective(autoencoder, rows, links, weights or CsrWeights())
    dataset = _Rows(len(rows))
    trainer = CsrTrainer(
        model=objective,
        args=arguments,
        train_dataset=dataset,
        eval_dataset=dataset if measure else None,
        data_collator=_batch,
        callbacks=list(callbacks),
        measure=measure,
        output=output,
    )
    return trainer
