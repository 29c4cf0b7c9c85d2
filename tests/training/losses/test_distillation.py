"""Losses and regularisers against slow, obvious versions and against figures made outside."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from splade_cli.training.losses.distillation import InBatchDistillation, ListwiseDistillation


@pytest.fixture(scope="module")
def outside(shared_data: Path) -> dict[str, Any]:
    return json.loads((shared_data / "data/vectors/splade_tiny.json").read_text())["losses"]


def slow_flops(rows: list[list[float]]) -> float:
    """Sum over dimensions of the squared mean activation."""
    return sum((sum(abs(row[place]) for row in rows) / len(rows)) ** 2 for place in range(len(rows[0])))


def test_flops_of_the_trainer_against_a_loop_and_figures_made_outside(outside: dict[str, Any]) -> None:
    from sentence_transformers.sparse_encoder.losses import FlopsLoss

    loss = FlopsLoss(None)
    for name in ("A", "P"):
        matrix = torch.tensor(outside[name])
        value = loss.compute_loss_from_embeddings(matrix).item()
        assert value == pytest.approx(outside[f"flops_{name}"], rel=1e-6)
        assert value == pytest.approx(slow_flops(outside[name]), rel=1e-5)


def slow(
    embeddings: list[Tensor], labels: Tensor, student: float, teacher: float, others: float | None
) -> float:
    """Sum p log(p / q) query by query, candidate by candidate."""
    queries, ways = embeddings[0], embeddings[1:]
    total = 0.0
    for i, query in enumerate(queries):
        scores, wanted = [], []
        for way, documents in enumerate(ways):
            for j, document in enumerate(documents):
                if i != j and others is None:
                    continue
                scores.append(float(query @ document) / student)
                wanted.append((float(labels[i, way]) if i == j else float(others or 0.0)) / teacher)
        q = [math.exp(score) / sum(map(math.exp, scores)) for score in scores]
        p = [math.exp(score) / sum(map(math.exp, wanted)) for score in wanted]
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(queries)


def batch(ways: int, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = [torch.rand(4, 6, generator=generator, dtype=torch.float64) for _ in range(1 + ways)]
    return embeddings, torch.rand(4, ways, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("others", [0.0, 0.2, None])
@pytest.mark.parametrize("ways", [1, 3])
def test_distillation_against_the_formula(others: float | None, ways: int) -> None:
    embeddings, labels = batch(ways)
    loss = ListwiseDistillation(student_temperature=1.3, teacher_temperature=0.4, others_score=others)
    found = loss.compute_loss_from_embeddings(embeddings, labels).item()
    assert found == pytest.approx(slow(embeddings, labels, 1.3, 0.4, others), rel=1e-9, abs=1e-12)
    assert found >= -1e-12


def test_a_student_that_agrees_with_its_teacher_loses_nothing() -> None:
    queries = torch.eye(3, dtype=torch.float64)
    documents = torch.eye(3, dtype=torch.float64) * 2
    negatives = torch.zeros(3, 3, dtype=torch.float64)
    labels = torch.tensor([[2.0, 0.0]] * 3, dtype=torch.float64)
    loss = ListwiseDistillation(student_temperature=1.0, teacher_temperature=1.0)
    assert loss.compute_loss_from_embeddings([queries, documents, negatives], labels).item() == pytest.approx(
        0
    )
    worse = loss.compute_loss_from_embeddings([queries, negatives, documents], labels).item()
    assert worse > 0.1


@pytest.mark.parametrize("others", [0.0, None])
def test_gradients(others: float | None) -> None:
    embeddings, labels = batch(2)
    for tensor in embeddings:
        tensor.requires_grad_()
    loss = ListwiseDistillation(others_score=others)
    assert torch.autograd.gradcheck(
        lambda *parts: loss.compute_loss_from_embeddings(list(parts), labels), embeddings
    )


@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (4,)])
def test_scores_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    embeddings, _ = batch(3)
    with pytest.raises(ValueError, match="for 4 queries with 3 documents each"):
        ListwiseDistillation().compute_loss_from_embeddings(embeddings, torch.zeros(shape))


def test_settings_for_the_model_card() -> None:
    assert ListwiseDistillation(teacher_temperature=0.5).get_config_dict() == {
        "student_temperature": 1.5, "teacher_temperature": 0.5, "others_score": 0.0
    }  # fmt: skip


def slow_in_batch(
    embeddings: list[Tensor], teacher: list[Tensor], tau: float, teacher_tau: float, weight: float
) -> float:
    """Query by query, document by document; `teacher` are the vectors of the same texts."""
    total = 0.0
    documents, known = torch.cat(embeddings[1:]), torch.cat(teacher[1:])
    for number, query in enumerate(embeddings[0]):
        q = torch.softmax(torch.stack([query @ document for document in documents]) / tau, 0)
        p = torch.softmax(torch.stack([teacher[0][number] @ each for each in known]) / teacher_tau, 0)
        total += float((p * (p / q).log()).sum() - weight * q[number].log())
    return total / len(embeddings[0])


@pytest.mark.parametrize("weight", [0.0, 0.7])
@pytest.mark.parametrize("ways", [1, 2])
def test_in_batch_distillation_against_the_formula(ways: int, weight: float) -> None:
    embeddings, _ = batch(ways)
    generator = torch.Generator().manual_seed(1)
    vectors = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    rows = torch.randperm(30, generator=generator)[: 4 * (1 + ways)].view(1 + ways, 4)
    loss = InBatchDistillation(
        vectors, student_temperature=0.4, teacher_temperature=0.9, contrastive_weight=weight
    )
    found = loss.compute_loss_from_embeddings(embeddings, rows.T).item()
    assert found == pytest.approx(
        slow_in_batch(embeddings, [vectors[part] for part in rows], 0.4, 0.9, weight)
    )


def test_in_batch_distillation_has_gradients_and_refuses_other_shapes() -> None:
    embeddings, _ = batch(2)
    for tensor in embeddings:
        tensor.requires_grad_()
    loss = InBatchDistillation(torch.eye(12, dtype=torch.float64), student_temperature=0.5)
    labels = torch.arange(12).view(3, 4).T
    assert torch.autograd.gradcheck(
        lambda *parts: loss.compute_loss_from_embeddings(list(parts), labels), embeddings
    )
    with pytest.raises(ValueError, match="for 4 queries with 2 documents each"):
        loss.compute_loss_from_embeddings(embeddings, labels[:, :2])
