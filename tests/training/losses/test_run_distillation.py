"""Distillation from a teacher's run against a loop over queries and documents."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from splade_cli.training.losses.run_distillation import RunDistillation

STUDENT = 3.0
TEACHER = 0.15


def slow(
    queries: torch.Tensor, documents: list[torch.Tensor], scores: np.ndarray, labels: torch.Tensor
) -> float:
    """Sum p log(p / q) query by query over the documents of the batch that are not its source."""
    total = 0.0
    for i, query in enumerate(queries):
        row, source = int(labels[i, 0]), int(labels[i, 1])
        given, wanted = [], []
        best = max(float(score) for column, score in enumerate(scores[row]) if column != source)
        for way, vectors in enumerate(documents):
            for j, vector in enumerate(vectors):
                column = int(labels[j, 2 + way])
                if column != source:
                    given.append(math.exp(float(query @ vector) / STUDENT))
                    wanted.append(math.exp(float(scores[row, column]) / best / TEACHER))
        for p, q in zip(wanted, given, strict=True):
            p, q = p / sum(wanted), q / sum(given)
            total += p * math.log(p / q)
    return total / len(queries)


def batch() -> tuple[list[torch.Tensor], np.ndarray, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    embeddings = [torch.rand(4, 6, generator=generator, dtype=torch.float64) for _ in range(3)]
    scores = np.random.default_rng(3).random((5, 9)).astype(np.float32)
    scores[scores < 0.5] = 0
    # the second query's source is a document of the first, and of the third as well
    labels = torch.tensor([[0, 8, 1, 2], [1, 2, 3, 4], [4, 7, 2, 5], [2, 6, 0, 8]])
    return embeddings, scores, labels


def test_it_is_the_divergence_without_the_source_wherever_it_stands() -> None:
    embeddings, scores, labels = batch()
    loss = RunDistillation(sp.csr_matrix(scores), student_temperature=STUDENT, teacher_temperature=TEACHER)
    found = loss.compute_loss_from_embeddings(embeddings, labels)
    assert float(found) == pytest.approx(slow(embeddings[0], embeddings[1:], scores, labels), rel=1e-5)


def test_the_source_has_no_gradient() -> None:
    embeddings, scores, labels = batch()
    labels = torch.tensor([[0, 1, 1, 2], [1, 1, 3, 4], [4, 1, 2, 5], [2, 1, 0, 8]])  # column 1 is of all
    documents = [vectors.clone().requires_grad_() for vectors in embeddings[1:]]
    loss = RunDistillation(sp.csr_matrix(scores))
    loss.compute_loss_from_embeddings([embeddings[0], *documents], labels).backward()
    assert documents[0].grad is not None
    assert torch.equal(documents[0].grad[0], torch.zeros(6, dtype=torch.float64))
    assert documents[0].grad[1].abs().sum() > 0


def test_labels_of_another_shape_are_refused() -> None:
    embeddings, scores, labels = batch()
    with pytest.raises(ValueError, match="labels"):
        RunDistillation(sp.csr_matrix(scores)).compute_loss_from_embeddings(embeddings, labels[:, :3])
