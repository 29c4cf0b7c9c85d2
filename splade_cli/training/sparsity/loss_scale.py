"""The ratio of main loss to penalty: the unit in which a controlled lambda is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from splade_cli.training.sparsity.all_reduce import global_sum, processes

SOLVED = 1e-6
"""A main loss below it has no scale of its own."""
SCALE_OF_SOLVED = 1e-3


@dataclass
class LossRatio:
    """Main loss over penalty of one loss.

    Attributes:
        first: mean over the first batches.
        now: exponential moving average.
        batches: how many were seen.
    """

    first: float = 0.0
    now: float = 0.0
    batches: int = 0

    def add(self, main_loss: float, penalty: float, first_batches: int) -> None:
        """One more batch; the first `first_batches` of them make `first`."""
        if penalty <= 0:
            return
        # where the loss is solved already small steps are right: lambda is found from anywhere
        scale = abs(main_loss) if abs(main_loss) > SOLVED else SCALE_OF_SOLVED
        ratio = scale / penalty
        if not self.batches:
            self.now = ratio
        self.now += 0.1 * (ratio - self.now)
        if self.batches < first_batches:
            self.first += (ratio - self.first) / (self.batches + 1)
        self.batches += 1


@dataclass
class MainLossRecorder:
    """A forward hook of a loss: notes of each batch with gradients what is no regulariser's part."""

    values: list[float] = field(default_factory=list)

    def __call__(self, module: Any, inputs: Any, output: Any) -> None:
        if not (torch.is_grad_enabled() and isinstance(output, dict)):
            return
        parts = [part.detach() for name, part in output.items() if not name.endswith("_regularizer_loss")]
        if parts:
            total: Tensor = global_sum(torch.stack(parts).sum())
            self.values.append(float(total) / processes())

    def take(self) -> float | None:
        """The mean since the last call, None where there was no batch."""
        if not self.values:
            return None
        mean = sum(self.values) / len(self.values)
        self.values.clear()
        return mean
