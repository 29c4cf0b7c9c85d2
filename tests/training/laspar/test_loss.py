"""The losses of a latent model against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splade_cli.training.laspar.loss import DenseDistillation


def distillation(
    embeddings: list[Tensor], scores: Tensor, tau: float, teacher: float, weight: float
) -> float:
    """Query by query, by the formula; `scores` [B, ways * B]."""
    total = 0.0
    documents = torch.cat(embeddings[1:])
    for number, query in enumerate(embeddings[0]):
        q = torch.softmax(torch.stack([query @ document for document in documents]) / tau, 0)
        p = torch.softmax(scores[number] / teacher, 0)
        total += float((p * (p / q).log()).sum() - weight * q[number].log())
    return total / len(scores)


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_distillation_against_the_formula(weight: float) -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = [torch.rand(4, 9, generator=generator, dtype=torch.float64) for _ in range(3)]
    vectors = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    scores = vectors[:, 0] @ torch.cat([vectors[:, 1], vectors[:, 2]]).T
    loss = DenseDistillation(student_temperature=0.4, teacher_temperature=0.9, cross_entropy=weight)
    expected = distillation(embeddings, scores, 0.4, 0.9, weight)
    assert loss.compute_loss_from_embeddings(embeddings, vectors).item() == pytest.approx(expected)
    assert loss.compute_loss_from_embeddings(embeddings, scores).item() == pytest.approx(expected)
    own = torch.stack(
        [scores[torch.arange(4), torch.arange(4)], scores[torch.arange(4), torch.arange(4) + 4]], 1
    )
    alone = DenseDistillation(cross_entropy=0.0).compute_loss_from_embeddings(embeddings, own)
    student = torch.stack([(embeddings[0] * part).sum(1) for part in embeddings[1:]], 1) / 0.05
    p, q = torch.softmax(own / 0.05, 1), torch.softmax(student, 1)
    assert alone.item() == pytest.approx(float((p * (p / q).log()).sum(1).mean()))
    with pytest.raises(ValueError, match="labels"):
        loss.compute_loss_from_embeddings(embeddings, torch.zeros(3, 3))
