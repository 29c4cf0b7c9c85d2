"""Regularisers against plain formulae and sentence-transformers' own, alone and in two processes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from splade_cli.training.sparsity.regularizers import (
    L1,
    REGULARIZERS,
    DfFlops,
    Equipartition,
    Flops,
    Regularizer,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "flops": {},
    "l1": {},
    "df-flops": {},
    "equipartition": {"dimensions": 50},
}


def vectors(rows: int = 12, columns: int = 50, seed: int = 0) -> Tensor:
    """Non-negative and sparse, some columns used far more than others."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, columns, generator=generator) + torch.linspace(-2, 1, columns)
    return torch.log1p(torch.relu(logits))


def loss_and_gradient(regularizer: Any, embeddings: Tensor, **options: Any) -> tuple[float, Tensor]:
    leaf = embeddings.clone().requires_grad_()
    loss = regularizer.compute_loss_from_embeddings(leaf, **options)
    (gradient,) = torch.autograd.grad(loss, leaf)
    return float(loss.detach()), gradient


@pytest.mark.parametrize("threshold", [None, 10, 14])
def test_flops_is_that_of_sentence_transformers(threshold: int | None) -> None:
    from sentence_transformers.sparse_encoder.losses import FlopsLoss

    ours = loss_and_gradient(Flops(threshold=threshold), vectors())
    theirs = loss_and_gradient(FlopsLoss(None, threshold=threshold), vectors())
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    torch.testing.assert_close(ours[1], theirs[1])
    if threshold == 14:
        counts = (vectors() > 0).sum(1)
        assert (ours[1][counts <= 14] == 0).all()
        assert 0 < int((counts <= 14).sum()) < 12


def test_l1_and_flops_by_loops() -> None:
    rows = vectors(5, 20).double().numpy()
    assert float(L1().compute_loss_from_embeddings(vectors(5, 20))) == pytest.approx(
        sum(abs(value) for row in rows for value in row) / 5, rel=1e-5
    )
    flops = sum((sum(row[j] for row in rows) / 5) ** 2 for j in range(20))
    assert float(Flops().compute_loss_from_embeddings(vectors(5, 20))) == pytest.approx(flops, rel=1e-5)


def test_df_flops_weighs_by_document_frequency() -> None:
    """2505.15070: 1/2 at alpha, 1 for a term of all documents, nothing for rare ones."""
    shares = DfFlops(alpha=0.1, beta=10).share_weights(torch.tensor([0.0, 0.01, 0.1, 0.5, 1.0]))
    assert shares.tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-3)
    regularizer, decay = DfFlops(alpha=0.3, beta=2.0, decay=0.5), 0.5
    average, seen = np.zeros(20), 0.0
    for seed in range(4):
        rows = vectors(6, 20, seed).double().numpy()
        average, seen = decay * average + (1 - decay) * (rows > 0).mean(0), decay * seen + (1 - decay)
        x = average / seen
        with np.errstate(divide="ignore"):
            weight = 1 / (1 + (x ** (math.log(2) / math.log(0.3)) - 1) ** 2.0)
        expected = ((weight * rows.mean(0)) ** 2).sum()
        found = float(regularizer.compute_loss_from_embeddings(vectors(6, 20, seed)))
        assert found == pytest.approx(expected, rel=1e-4)
    with torch.no_grad():  # an evaluation does not move the average
        before = regularizer.frequency.clone()
        regularizer.compute_loss_from_embeddings(torch.ones(3, 20))
    assert torch.equal(before, regularizer.frequency)


def test_equipartition_of_even_and_of_single_use() -> None:
    even, single = torch.ones(4, 16), torch.zeros(4, 16)
    single[:, 3] = 2.0
    assert float(Equipartition(dimensions=16).compute_loss_from_embeddings(even)) == pytest.approx(
        0, abs=1e-5
    )
    assert float(Equipartition(dimensions=16).compute_loss_from_embeddings(single)) == pytest.approx(15)


def test_equipartition_without_average_is_the_formula_and_its_gradient() -> None:
    leaf = vectors().double().requires_grad_()
    usage = leaf.mean(0)
    expected = 50 * (usage / usage.sum()).square().sum() - 1
    (slope,) = torch.autograd.grad(expected, leaf)
    value, gradient = loss_and_gradient(Equipartition(decay=0.0), vectors())
    assert value == pytest.approx(float(expected), rel=1e-5)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-6)


def test_equipartition_of_a_slice_is_that_of_the_whole() -> None:
    whole, sliced = Equipartition(dimensions=50, decay=0.9), Equipartition(dimensions=50, decay=0.9)
    for seed in range(3):
        columns = torch.randperm(50, generator=torch.Generator().manual_seed(seed))[:20]
        compact = vectors(8, 20, seed)
        full = torch.zeros(8, 50).index_copy(1, columns, compact)
        expected, slope = loss_and_gradient(whole, full)
        value, gradient = loss_and_gradient(sliced, compact, columns=columns)
        assert value == pytest.approx(expected, rel=1e-5)
        torch.testing.assert_close(gradient, slope[:, columns])
    with pytest.raises(ValueError, match="20 columns of embeddings for 50 of 50 latents"):
        sliced.compute_loss_from_embeddings(compact)
    with pytest.raises(ValueError, match="dimensions is needed"):
        Equipartition().compute_loss_from_embeddings(compact, columns)


@pytest.mark.parametrize("name", REGULARIZERS)
def test_active_terms_are_counted_since_the_last_look(name: str) -> None:
    regularizer = REGULARIZERS[name](**OPTIONS[name])
    assert regularizer.take() is None
    first, second = vectors(4), vectors(12, seed=1)
    counts = [int((rows > 0).sum()) for rows in (first, second)]
    losses = [float(regularizer.compute_loss_from_embeddings(rows)) for rows in (first, second)]
    assert regularizer.active == pytest.approx(counts[1] / 12)
    with torch.no_grad():
        regularizer.compute_loss_from_embeddings(torch.ones(3, 50))
    assert regularizer.take() == pytest.approx((sum(counts) / 16, sum(losses) / 2))
    assert regularizer.take() is None


@pytest.mark.parametrize("name", REGULARIZERS)
def test_a_gradient_step_lowers_the_penalty(name: str) -> None:
    regularizer: Regularizer = REGULARIZERS[name](**OPTIONS[name])
    before, gradient = loss_and_gradient(regularizer, vectors())
    lower = (vectors() - 1e-2 * gradient / gradient.norm()).clamp(min=0)
    assert loss_and_gradient(REGULARIZERS[name](**OPTIONS[name]), lower)[0] < before


def _worker(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    own = slice(0, 5) if rank == 0 else slice(5, 12)
    found = {}
    for name, made in REGULARIZERS.items():
        regularizer = made(threshold=9, **OPTIONS[name])
        steps = [loss_and_gradient(regularizer, vectors(12, 50, seed)[own]) for seed in range(2)]
        found[name] = {"loss": [loss for loss, _ in steps], "gradient": [slope for _, slope in steps],
                       "active": regularizer.active}  # fmt: skip
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    """Batches of 5 and 7: each process's gradient, halved as DDP does, is its part of that of all 12."""
    context = torch.multiprocessing.get_context("fork")
    workers = [context.Process(target=_worker, args=(rank, str(tmp_path))) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2)]
    for name, made in REGULARIZERS.items():
        regularizer = made(threshold=9, **OPTIONS[name])
        for seed in range(2):
            value, gradient = loss_and_gradient(regularizer, vectors(12, 50, seed))
            assert [part[name]["loss"][seed] for part in parts] == pytest.approx([value] * 2, rel=1e-5), name
            gathered = torch.cat([part[name]["gradient"][seed] for part in parts]) / 2
            torch.testing.assert_close(gathered, gradient, rtol=1e-4, atol=1e-6, msg=name)
        assert [part[name]["active"] for part in parts] == pytest.approx([regularizer.active] * 2)
