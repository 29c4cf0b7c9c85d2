"""Sparsity regularisers over embeddings: FLOPS, L1, DF-FLOPS, and equipartition of latents.

Each class has ``compute_loss_from_embeddings(embeddings, columns=None)``, what sentence-transformers'
SpladeLoss asks of ``document_regularizer`` and ``query_regularizer``. Embeddings are [B, V], B texts of one
process by V terms, >= 0.

Where several processes train together every mean is taken over the texts of all of them: the value is that of
one process with the whole batch, and so is the gradient after the average over processes that DDP takes.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, distributed, nn

from splade_cli.training.sparsity.all_reduce import global_sum, processes


class Regularizer(nn.Module):
    """Counts the active terms of what it is given; the penalty is its children's.

    Args:
        model: accepted for sentence-transformers; not used.
        threshold: texts with at most so many active terms are left out of the penalty, not of the mean's
            denominator (the l0 mask of arXiv 2504.14839; equal to sentence-transformers' FlopsLoss).

    Attributes:
        active: mean active terms a text, of the last batch with gradients; NaN before there was one.
        value: the penalty of that batch, before any weight.
    """

    averages: tuple[str, ...] = ()
    """Names of buffers that hold moving averages."""

    def __init__(self, model: Any = None, *, threshold: float | None = None) -> None:
        super().__init__()
        self.threshold = threshold
        self.active = math.nan
        self.value = math.nan
        self._local = False
        self._terms = 0.0
        self._texts = 0.0
        self._values = 0.0
        self._batches = 0

    def compute_loss_from_embeddings(self, embeddings: Tensor, columns: Tensor | None = None) -> Tensor:
        """The penalty, a scalar, of embeddings [B, V]; `columns` [V] names the latents of a compact slice."""
        weights = embeddings.float()
        active = (weights.detach() != 0).sum(1)
        counts = torch.stack([active.sum(), active.new_tensor(len(active))])
        # latents of a compact slice differ between processes, so only DDP's average joins their penalties
        self._local = columns is not None
        terms, texts = self._sum(counts).tolist()
        if self.threshold is not None:
            weights = weights * (active > self.threshold)[:, None]
        penalty = self.penalty(weights, texts, columns)
        if torch.is_grad_enabled():  # an evaluation's batches are not what is controlled
            self.active = terms / max(texts, 1.0)
            self.value = float(penalty.detach())
            self._terms += terms
            self._texts += texts
            self._values += self.value
            self._batches += 1
        return penalty

    def _sum(self, values: Tensor) -> Tensor:
        return values if self._local else global_sum(values)

    def penalty(self, weights: Tensor, texts: float, columns: Tensor | None) -> Tensor:
        """The penalty of `weights` [B, V] float32, where all processes together have `texts` texts."""
        raise NotImplementedError

    def take(self) -> tuple[float, float] | None:
        """(mean active terms a text, mean penalty) since the last call, None where there was no batch."""
        if not self._batches:
            return None
        terms = self._terms / max(self._texts, 1.0)
        penalty = self._values / self._batches
        self._terms = 0.0
        self._texts = 0.0
        self._values = 0.0
        self._batches = 0
        return terms, penalty

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {"threshold": self.threshold}


class Flops(Regularizer):
    """sum_j (mean_i w_ij)^2: what a dot product of two random texts costs [Paria 2020, arXiv 2004.05665]."""

    def penalty(self, weights: Tensor, texts: float, columns: Tensor | None) -> Tensor:
        return (self._sum(weights.sum(0)) / texts).square().sum()


class L1(Regularizer):
    """mean_i sum_j w_ij."""

    def penalty(self, weights: Tensor, texts: float, columns: Tensor | None) -> Tensor:
        return self._sum(weights.sum()) / texts


class DfFlops(Regularizer):
    """sum_j (a_j mean_i w_ij)^2, terms weighed by document frequency [arXiv 2505.15070, eq. 2, 3].

    a_j = 1 / (1 + (x_j^(log_alpha 2) - 1)^beta) with x_j the share of documents in which term j is active:
    near 0 for rare terms, 1/2 at x = alpha, 1 for terms that all documents have. The paper counts on
    validation documents every 100 steps; here x is a moving average over batches, of every process alike.

    Args:
        alpha: share of documents at which a term's weight is 1/2.
        beta: steepness there.
        decay: of the moving average, a batch.
    """

    averages = ("frequency", "seen")

    def __init__(
        self,
        model: Any = None,
        *,
        threshold: float | None = None,
        alpha: float = 0.1,
        beta: float = 10.0,
        decay: float = 0.95,
    ) -> None:
        super().__init__(model, threshold=threshold)
        self.alpha = alpha
        self.beta = beta
        self.decay = decay
        self.frequency: Tensor
        self.seen: Tensor
        self.register_buffer("frequency", torch.zeros(0))
        self.register_buffer("seen", torch.zeros(()))

    def share_weights(self, share: Tensor) -> Tensor:
        """a of the formula above for shares of documents in [0, 1]."""
        power = math.log(2) / math.log(self.alpha)
        return 1 / (1 + (share.clamp(1e-6, 1).pow(power) - 1).clamp(min=0).pow(self.beta))

    def penalty(self, weights: Tensor, texts: float, columns: Tensor | None) -> Tensor:
        used = self._sum((weights.detach() != 0).sum(0).float()) / texts
        if self.frequency.shape != used.shape:
            self.frequency = torch.zeros_like(used)
            self.seen = torch.zeros((), device=used.device)
        frequency = torch.lerp(used, self.frequency, self.decay)
        seen = 1 - (1 - self.seen) * self.decay
        if torch.is_grad_enabled():
            self.frequency = frequency
            self.seen = seen
        mean = self._sum(weights.sum(0)) / texts
        return (self.share_weights(frequency / seen) * mean).square().sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {**super().get_config_dict(), "alpha": self.alpha, "beta": self.beta, "decay": self.decay}


class Equipartition(Regularizer):
    """D sum_j p_j^2 - 1, p_j = mean activation of latent j / total: 0 where all D are used alike.

    It balances and does not sparsify, so it goes with top-k or L1. The formula is this project's own. With
    `decay` the p of the value are those of a moving average, which D much larger than a batch's activations
    needs, and the gradient is the one that this batch's activations would have in place of that average: its
    size depends neither on `decay` nor on how many batches the average has seen.

    Args:
        dimensions: D; None for the width of the first embeddings.
        decay: of the moving average, a batch; 0 looks at each batch alone.
    """

    averages = ("usage", "seen")

    def __init__(
        self,
        model: Any = None,
        *,
        dimensions: int | None = None,
        threshold: float | None = None,
        decay: float = 0.99,
    ) -> None:
        super().__init__(model, threshold=threshold)
        self.dimensions = dimensions
        self.decay = decay
        self.usage: Tensor
        self.seen: Tensor
        self.register_buffer("usage", torch.zeros(dimensions or 0))
        self.register_buffer("seen", torch.zeros(()))

    def penalty(self, weights: Tensor, texts: float, columns: Tensor | None) -> Tensor:
        mean = weights.sum(0) / texts
        if self.dimensions is None:
            if columns is not None:
                raise ValueError(
                    "a slice of the latents says nothing of how many there are: dimensions is needed"
                )
            self.dimensions = len(mean)
            if len(self.usage) != len(mean):  # a resumed run has its average already
                self.usage = torch.zeros_like(mean)
        latents = torch.arange(self.dimensions, device=mean.device) if columns is None else columns
        if mean.shape != latents.shape:
            raise ValueError(
                f"{len(mean)} columns of embeddings for {len(latents)} of {self.dimensions} latents"
            )
        self.usage = self.usage.to(mean.device)
        batch = torch.zeros_like(self.usage).index_add(0, latents, mean.detach())
        if processes() > 1:
            distributed.all_reduce(batch)
        average = torch.lerp(batch, self.usage, self.decay)
        seen = 1 - (1 - self.seen.to(mean.device)) * self.decay
        if torch.is_grad_enabled():
            self.usage = average
            self.seen = seen
        usage = average / seen  # the average starts at 0: its first values are as small as it is young
        total = usage.sum().clamp(min=torch.finfo(usage.dtype).tiny)
        square = usage.square().sum()
        value = self.dimensions * square / total.square() - 1
        # d value / d usage_j, used as this batch's slope; a tile of latents needs no [D] graph
        slope = 2 * self.dimensions * (usage[latents] / total.square() - square / total.pow(3))
        inner = (slope * mean).sum()
        return value + processes() * (inner - inner.detach())

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {**super().get_config_dict(), "dimensions": self.dimensions, "decay": self.decay}


REGULARIZERS: dict[str, type[Regularizer]] = {
    "flops": Flops,
    "l1": L1,
    "df-flops": DfFlops,
    "equipartition": Equipartition,
}
"""Classes by the name that a configuration gives them."""
