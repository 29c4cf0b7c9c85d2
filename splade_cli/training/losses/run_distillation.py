"""Listwise knowledge distillation from a teacher's run, which has a score for any document of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from splade_cli.training.losses.distillation import divergence

LEFT_OUT = -1e4
"""Score of what has no part in a list: its probability is 0, and no difference is infinite."""


class RunDistillation(nn.Module):
    """KL(teacher || student) over all documents of a batch but the one that the query was written from.

    A query that was written from a chunk shares words with it as no person's does. The chunk stands far above
    the others, and a list that holds it teaches literal match (docs/experiments.md).

    Args:
        scores: the teacher's, float32 [queries, documents], 0 where it ranked no such document.
        student_temperature: divides the student's dot products.
        teacher_temperature: divides the teacher's scores, which lie on [0, 1].
    """

    def __init__(
        self,
        scores: sp.csr_matrix,
        *,
        student_temperature: float = 3.0,
        teacher_temperature: float = 0.15,
    ) -> None:
        super().__init__()
        self.scores = scores
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """The mean over queries of the divergence.

        Args:
            embeddings: queries [B, V], then n documents of each, each [B, V].
            labels: int64 [B, 2 + n]: the query's row of `scores`, its source's column, and its documents'.

        Raises:
            ValueError: labels of another shape.
        """
        queries = embeddings[0]
        documents = embeddings[1:]
        if labels.shape != (len(queries), 2 + len(documents)):
            raise ValueError(
                f"labels {tuple(labels.shape)} for {len(queries)} queries, {len(documents)} documents"
            )
        rows = labels[:, 0].cpu().numpy()
        sources = labels[:, 1].cpu().numpy()
        columns = labels[:, 2:].T.reshape(-1).cpu().numpy()  # document w of query i in column w * B + i
        student = queries @ torch.cat(documents).T
        ranked = self.scores[rows].toarray()
        is_source = sources[:, None] == columns[None, :]
        ranked[range(len(rows)), sources] = 0
        # the best of what is left has score 1, as the source had
        ranked /= ranked.max(axis=1, keepdims=True).clip(1e-6)
        found = np.where(is_source, LEFT_OUT * self.teacher_temperature, ranked[:, columns])
        teacher = torch.from_numpy(found).to(student.device, student.dtype)
        out = torch.from_numpy(is_source).to(student.device)
        student = student.masked_fill(out, LEFT_OUT * self.student_temperature)
        return divergence(student, teacher, self.student_temperature, self.teacher_temperature)

    def get_config_dict(self) -> dict[str, Any]:
        """Settings, for the model card."""
        return {
            "student_temperature": self.student_temperature,
            "teacher_temperature": self.teacher_temperature,
        }
