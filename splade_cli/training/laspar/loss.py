"""Loss of a latent model: a SpladeLoss over the latents that a batch uses.

`LatentLoss` has the shape of sentence-transformers' SpladeLoss; the loss inside it gets compact matrices [B,
m] that share their m columns, so every loss that only multiplies or adds rows means the same as on [B, D].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from splade_cli.training.sparsity.regularizers import Flops


class LatentLoss(nn.Module):
    """Inner loss plus weighted regularisers, for a SparseEncoder [Transformer, LatentHead].

    Args:
        model: the SparseEncoder.
        loss: has ``compute_loss_from_embeddings(embeddings, labels)``, embeddings a list of [B, m].
        document_regularizer_weight, query_regularizer_weight: lambda, which callbacks may change; None leaves
            the queries' out.
        document_regularizer, query_regularizer: have ``compute_loss_from_embeddings(embeddings, columns)``
            with columns int64 [m] naming the latents; FLOPS by default.
        mini_batch_size: texts that go through the transformer at a time; what it computed of them is computed
            again for their gradient and not kept (activation checkpointing; the loss is that of the batch).

    Raises:
        ValueError: an inner loss without that method.
    """

    def __init__(
        self,
        model: Any,
        loss: nn.Module,
        document_regularizer_weight: float,
        query_regularizer_weight: float | None = None,
        document_regularizer: nn.Module | None = None,
        query_regularizer: nn.Module | None = None,
        mini_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        if not hasattr(loss, "compute_loss_from_embeddings"):
            raise ValueError(
                f"{type(loss).__name__} has no compute_loss_from_embeddings, which LatentLoss calls"
            )
        self.model = model
        self.loss = loss
        self.document_regularizer_weight = document_regularizer_weight
        self.query_regularizer_weight = query_regularizer_weight
        self.mini_batch_size = mini_batch_size
        self.document_regularizer: Any = document_regularizer or Flops()
        self.query_regularizer: Any = query_regularizer or Flops()

    def forward(
        self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The losses by name: ``base_loss`` (or what the inner loss names), and one a regulariser.

        Args:
            sentence_features: tokenised queries, positives, negatives_1.., each of B texts.
            labels: the inner loss's.
        """
        head = self.model[1]
        hidden: list[Tensor] = []
        limits: list[int] = []
        sizes: list[int] = []
        for number, features in enumerate(sentence_features):
            summed = self._summed(features)
            hidden.append(head.project(summed))
            sizes.append(len(summed))
            limits += [head.k_of("document" if number else "query")] * len(summed)
        columns, weights = head.compact_weights(torch.cat(hidden), limits)
        embeddings = list(weights.split(sizes))
        inner = self.loss.compute_loss_from_embeddings(embeddings, labels)  # type: ignore[operator]
        losses: dict[str, Tensor] = dict(inner) if isinstance(inner, dict) else {"base_loss": inner}
        if self.document_regularizer_weight is not None:
            penalty = self.document_regularizer.compute_loss_from_embeddings(
                torch.cat(embeddings[1:]), columns
            )
            losses["document_regularizer_loss"] = penalty * self.document_regularizer_weight
        if self.query_regularizer_weight is not None:
            penalty = self.query_regularizer.compute_loss_from_embeddings(embeddings[0], columns)
            losses["query_regularizer_loss"] = penalty * self.query_regularizer_weight
        return losses

    def _summed(self, features: dict[str, Tensor]) -> Tensor:
        """h' [B, d] of tokenised texts, mini-batch by mini-batch."""
        count = len(features["attention_mask"])
        size = self.mini_batch_size or count
        if size >= count:
            return self._read(features)
        parts = []
        for start in range(0, count, size):
            part = {}
            for name, value in features.items():
                part[name] = value[start : start + size] if isinstance(value, Tensor) else value
            parts.append(checkpoint(self._read, part, use_reentrant=False))
        return torch.cat(parts)

    def _read(self, features: dict[str, Tensor]) -> Tensor:
        tokens = self.model[0](dict(features))
        summed: Tensor = self.model[1].sum_tokens(tokens["token_embeddings"], tokens["attention_mask"])
        return summed

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {
            "loss": self.loss,
            "document_regularizer_weight": self.document_regularizer_weight,
            "query_regularizer_weight": self.query_regularizer_weight,
            "document_regularizer": type(self.document_regularizer).__name__,
            "query_regularizer": type(self.query_regularizer).__name__,
        }
