"""The k largest of D, against a dense product; rows lent for a step."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.model.laspar import latent_matrix
from splade_cli.model.laspar.latent_matrix import LatentMatrix


def table(dimensions: int, width: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> LatentMatrix:
    rows = LatentMatrix(dimensions, width, bias=True, dtype=dtype)
    rows.randomise(seed, 0.3)
    rows.bias.data.normal_(generator=torch.Generator().manual_seed(seed))
    return rows


def dense(rows: LatentMatrix, hidden: torch.Tensor) -> torch.Tensor:
    return hidden @ rows.weight.float().T + rows.bias


@given(
    dimensions=st.integers(1, 700),
    width=st.sampled_from([1, 7, 32]),
    texts=st.integers(1, 9),
    share=st.floats(0.001, 1),
    seed=st.integers(0, 1000),
)
def test_top_is_the_dense_top(dimensions: int, width: int, texts: int, share: float, seed: int) -> None:
    rows, k = table(dimensions, width, seed=seed), max(1, int(dimensions * share))
    hidden = torch.randn(texts, width, generator=torch.Generator().manual_seed(seed))
    before = latent_matrix.TILE_ROWS["cpu"]
    latent_matrix.TILE_ROWS["cpu"] = 64  # many tiles
    try:
        columns, scores = rows.top_k(hidden, k)
    finally:
        latent_matrix.TILE_ROWS["cpu"] = before
    everything = dense(rows, hidden)
    assert torch.allclose(scores, everything.topk(k, dim=1).values, atol=1e-4)
    assert torch.allclose(everything.gather(1, columns), scores, atol=1e-4)
    assert all(len(set(row.tolist())) == k for row in columns)


@pytest.mark.parametrize("fast", [True, False])
def test_bfloat16_keeps_what_float32_would(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_matrix, "bf16_is_faster", lambda kind: fast)
    rows = table(20_000, 48, torch.bfloat16)
    hidden = torch.randn(12, 48)
    columns, scores = rows.top_k(hidden, 128)
    expected = dense(rows, hidden).topk(128, dim=1)
    assert torch.allclose(scores, expected.values, atol=1e-4)
    assert torch.equal(columns.sort(1).values, expected.indices.sort(1).values)


def test_the_same_seed_gives_the_same_rows_of_the_deviation_asked_for() -> None:
    one, two, other = (table(5000, 16, seed=seed).weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert float(one.std()) == pytest.approx(0.3, rel=0.02)


def test_rows_are_lent_only_where_gradients_are_recorded() -> None:
    rows, columns = table(50, 4), torch.tensor([3, 7, 49])
    with torch.no_grad():
        rows.gather_rows(columns)
    assert not rows.gathered
    lent, biases = rows.gather_rows(columns)
    assert torch.equal(lent, rows.weight[columns])
    (lent.sum() + 2 * biases.sum()).backward()
    assert torch.equal(rows.gathered[0].rows.grad, torch.ones(3, 4))
    assert torch.equal(rows.gathered[0].biases.grad, torch.full((3,), 2.0))
    assert rows.weight.grad is None
    rows.trained = False
    rows.gather_rows(columns)
    assert len(rows.gathered) == 1
