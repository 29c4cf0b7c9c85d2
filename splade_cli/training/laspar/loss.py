"""Losses of a latent model: a SpladeLoss over the latents that a batch uses, and distillation.

`LatentLoss` has the shape of sentence-transformers' SpladeLoss; the loss inside it gets compact matrices [B,
m] that share their m columns, so every loss that only multiplies or adds rows means the same as on [B, D].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

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
            tokens = self.model[0](features)
            summed = head.sum_tokens(tokens["token_embeddings"], tokens["attention_mask"])
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

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {
            "loss": self.loss,
            "document_regularizer_weight": self.document_regularizer_weight,
            "query_regularizer_weight": self.query_regularizer_weight,
            "document_regularizer": type(self.document_regularizer).__name__,
            "query_regularizer": type(self.query_regularizer).__name__,
        }


class DenseDistillation(nn.Module):
    """KL(softmax(T / tau_t) || softmax(S / tau)) over a batch's documents, plus cross-entropy.

    S are the student's dot products, of vectors of length 1, T a dense teacher's (LASPAR distils from one;
    how is not public, this is the usual form of Hinton et al. 2015 over in-batch candidates).

    Args:
        model: accepted and kept out, for sentence-transformers.
        student_temperature: tau.
        teacher_temperature: tau_t.
        cross_entropy: weight of the cross-entropy; 0 where a batch's texts need not be told apart.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        student_temperature: float = 0.05,
        teacher_temperature: float = 0.05,
        cross_entropy: float = 1.0,
    ) -> None:
        super().__init__()
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.cross_entropy = cross_entropy

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The mean over queries.

        Args:
            embeddings: queries [B, m], then 1 + n documents of each, each [B, m], positive first.
            labels: the teacher's vectors [B, 2 + n, d] in the same order, or its scores: [B, 1 + n] of a
                query's own documents, or [B, (1 + n) B] of all, document w of query i in column w B + i.

        Raises:
            ValueError: labels of another shape.
        """
        queries = embeddings[0]
        documents = embeddings[1:]
        size = len(queries)
        ways = len(documents)
        every = queries @ torch.cat(documents).T / self.student_temperature
        positives = torch.arange(size, device=every.device)
        student = every
        teacher = labels.to(every.dtype)
        if labels.ndim == 3 and labels.shape[:2] == (size, 1 + ways):
            vectors = teacher.transpose(0, 1)
            teacher = vectors[0] @ vectors[1:].reshape(ways * size, -1).T
        elif labels.shape == (size, ways):
            own = positives[:, None] + size * torch.arange(ways, device=every.device)
            student = every.gather(1, own)
        elif labels.shape != (size, ways * size):
            raise ValueError(f"labels {tuple(labels.shape)} for {size} queries with {ways} documents each")
        divergence = nn.functional.kl_div(
            torch.log_softmax(student, dim=1),
            torch.log_softmax(teacher / self.teacher_temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        if not self.cross_entropy:
            return divergence
        return divergence + self.cross_entropy * nn.functional.cross_entropy(every, positives)

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {
            "student_temperature": self.student_temperature,
            "teacher_temperature": self.teacher_temperature,
            "cross_entropy": self.cross_entropy,
        }
