"""Listwise knowledge distillation: from a teacher's scores, or from a dense teacher's vectors.

A loss has ``compute_loss_from_embeddings(embeddings, labels)``, which is what sentence-transformers'
SpladeLoss asks of an inner loss; embeddings are [queries, positives, negatives_1, ...], each [B, V].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def divergence(
    student: Tensor, teacher: Tensor, student_temperature: float, teacher_temperature: float
) -> Tensor:
    """KL(softmax(T / tau_t) || softmax(S / tau)) of scores [q, n], a mean over queries [Hinton 2015]."""
    return nn.functional.kl_div(
        torch.log_softmax(student / student_temperature, dim=1),
        torch.log_softmax(teacher / teacher_temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )


class ListwiseDistillation(nn.Module):
    """KL(teacher || student) over each query's own documents and those of the rest of its batch.

    Listwise distillation as in 2502.19712, with the batch's other documents as further candidates: a teacher
    that ranked the whole corpus gave them no place among its best, so their teacher score is `others_score`.

    Args:
        model: accepted and kept for sentence-transformers; not used.
        student_temperature: divides the student's dot products.
        teacher_temperature: divides the teacher's scores, which lie on [0, 1].
        others_score: teacher score of documents that belong to other queries; None leaves them out.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        student_temperature: float = 1.5,
        teacher_temperature: float = 0.15,
        others_score: float | None = 0.0,
    ) -> None:
        super().__init__()
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.others_score = others_score

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The mean over queries of the divergence.

        Args:
            embeddings: queries [B, V], then 1 + n documents of each, each [B, V].
            labels: teacher scores [B, 1 + n], positive first.
        """
        queries = embeddings[0]
        documents = embeddings[1:]
        size = queries.shape[0]
        ways = len(documents)
        if labels.shape != (size, ways):
            raise ValueError(
                f"{tuple(labels.shape)} teacher scores for {size} queries with {ways} documents each"
            )
        student = queries @ torch.cat(documents).T  # [B, ways * B], document w of query i in column w * B + i
        teacher = labels.to(student.dtype)
        rows = torch.arange(size, device=student.device)
        own = rows[:, None] + size * torch.arange(ways, device=student.device)
        if self.others_score is None:
            student = student.gather(1, own)
        else:
            teacher = torch.full_like(student, self.others_score).scatter(1, own, teacher)
        return divergence(student, teacher, self.student_temperature, self.teacher_temperature)

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {
            "student_temperature": self.student_temperature,
            "teacher_temperature": self.teacher_temperature,
            "others_score": self.others_score,
        }


class InBatchDistillation(nn.Module):
    """KL(teacher || student) over all documents of a batch, plus cross-entropy.

    A dense teacher has a vector for each text, and so an opinion on every query and document of a batch:
    its scores are their products. The cross-entropy is that of in-batch negatives.

    Args:
        vectors: the teacher's, [n, d], one a text of the run.
        student_temperature: divides the student's dot products.
        teacher_temperature: divides the teacher's, which are cosines for most.
        contrastive_weight: of the cross-entropy.
    """

    def __init__(
        self,
        vectors: Tensor,
        *,
        student_temperature: float = 0.05,
        teacher_temperature: float = 0.05,
        contrastive_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.vectors = vectors
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.contrastive_weight = contrastive_weight

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The mean over queries.

        Args:
            embeddings: queries [B, V], then 1 + n documents of each, each [B, V], positive first.
            labels: rows of `vectors` of the same texts, int64 [B, 2 + n].

        Raises:
            ValueError: labels of another shape.
        """
        queries = embeddings[0]
        documents = embeddings[1:]
        size = len(queries)
        if labels.shape != (size, len(embeddings)):
            raise ValueError(
                f"{tuple(labels.shape)} teacher's vectors for {size} queries "
                f"with {len(documents)} documents each"
            )
        student = queries @ torch.cat(documents).T  # [B, ways * B], document w of query i in column w * B + i
        rows = labels.T.reshape(-1).to(self.vectors.device)
        vectors = self.vectors[rows].to(student.device, student.dtype)
        teacher = vectors[:size] @ vectors[size:].T
        loss = divergence(student, teacher, self.student_temperature, self.teacher_temperature)
        if self.contrastive_weight:
            positives = torch.arange(size, device=student.device)
            entropy = nn.functional.cross_entropy(student / self.student_temperature, positives)
            loss = loss + self.contrastive_weight * entropy
        return loss

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {
            "student_temperature": self.student_temperature,
            "teacher_temperature": self.teacher_temperature,
            "contrastive_weight": self.contrastive_weight,
        }
