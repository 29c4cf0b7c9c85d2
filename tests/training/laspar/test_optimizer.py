"""Row-wise Adagrad, held against a dense loop; clipping, resuming, rounding."""

from __future__ import annotations

import copy
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from splade_cli.model.laspar.latent_matrix import LatentMatrix
from splade_cli.training.laspar.optimizer import RowsOptimizer, optimizer, round_at_random


class Toy(nn.Module):
    """A body of one layer over latent rows."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(4, 4)
        self.rows = LatentMatrix(30, 4, bias=True, dtype=dtype)
        self.rows.randomise(0, 1.0)

    def loss(self, inputs: torch.Tensor, columns: list[int]) -> torch.Tensor:
        rows, biases = self.rows.gather_rows(torch.tensor(columns))
        return (self.body(inputs) @ rows.T + biases).square().sum()


BATCHES = [[0, 3, 5], [3, 5, 9, 20], [29], [0, 3]]


def inputs(number: int) -> torch.Tensor:
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(number))


def test_against_a_dense_loop_and_plain_adamw() -> None:
    toy, twin = Toy(), Toy()
    ours = optimizer(toy, 1e-2, 0.1, row_rate=0.05)
    plain = torch.optim.AdamW(
        [
            {"params": [twin.body.weight], "weight_decay": 0.1},
            {"params": [twin.body.bias], "weight_decay": 0.0},
        ],
        lr=1e-2,
    )
    weight, bias = twin.rows.weight.data.clone(), twin.rows.bias.data.clone()
    sums, bias_sums = torch.zeros(30), torch.zeros(30)
    for number, columns in enumerate(BATCHES):
        toy.loss(inputs(number), columns).backward()
        ours.step()
        ours.zero_grad()
        whole, whole_bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        (twin.body(inputs(number)) @ whole[columns].T + whole_bias[columns]).square().sum().backward()
        plain.step()
        plain.zero_grad()
        for row in columns:
            sums[row] += whole.grad[row].square().mean()
            weight[row] -= 0.05 * whole.grad[row] / sums[row].sqrt()
            bias_sums[row] += whole_bias.grad[row] ** 2
            bias[row] -= 0.05 * whole_bias.grad[row] / bias_sums[row].sqrt()
    assert torch.allclose(toy.rows.weight, weight, atol=1e-5)
    assert torch.allclose(toy.rows.bias, bias, atol=1e-5)
    assert torch.allclose(toy.body.weight, twin.body.weight, atol=1e-6)
    untouched = [row for row in range(30) if not any(row in columns for columns in BATCHES)]
    assert torch.equal(toy.rows.weight[untouched], Toy().rows.weight[untouched])


def test_accumulated_batches_are_one_batch() -> None:
    one, two = Toy(), Toy()
    for toy, parts in ((one, [inputs(0)]), (two, [inputs(0)[:2], inputs(0)[2:]])):
        ours = optimizer(toy, 1e-2)
        for part in parts:
            toy.loss(part, [1, 2, 3]).backward()
        ours.step()
    assert torch.allclose(one.rows.weight, two.rows.weight, atol=1e-6)
    assert torch.allclose(one.body.weight, two.body.weight, atol=1e-6)


def test_gradients_are_clipped_and_forgotten() -> None:
    toy = Toy()
    ours = optimizer(toy, 1e-2)
    toy.loss(inputs(0) * 100, [1, 2]).backward()
    assert float(nn.utils.clip_grad_norm_(toy.parameters(), 1.0)) > 1
    ours.zero_grad()
    before = copy.deepcopy(toy.state_dict())
    ours.step()
    assert all(torch.equal(value, before[name]) for name, value in toy.state_dict().items())


def test_a_scheduler_scales_both_rates() -> None:
    ours = optimizer(Toy(), 1e-2, row_rate=0.4)
    schedule = torch.optim.lr_scheduler.LambdaLR(ours, lambda step: 0.5)
    assert schedule.get_last_lr() == [0.005, 0.005, 0.2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_run_that_goes_on_ends_as_if_it_had_not_stopped(dtype: torch.dtype, tmp_path: Path) -> None:
    def go(toy: Toy, ours: RowsOptimizer, numbers: range) -> None:
        for number in numbers:
            toy.loss(inputs(number), BATCHES[number]).backward()
            ours.step()
            ours.zero_grad()

    whole = Toy(dtype)
    go(whole, optimizer(whole, 1e-2), range(4))
    first = Toy(dtype)
    ours = optimizer(first, 1e-2)
    go(first, ours, range(2))
    torch.save({"model": first.state_dict(), "optimizer": ours.state_dict()}, tmp_path / "checkpoint.pt")
    saved = torch.load(tmp_path / "checkpoint.pt")
    second = Toy(dtype)
    second.load_state_dict(saved["model"])
    again = optimizer(second, 1e-2)
    again.load_state_dict(saved["optimizer"])
    assert again.state[second.rows.weight]["sum"].dtype == torch.float32
    go(second, again, range(2, 4))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_rounding_keeps_the_mean_and_moves_to_a_neighbour() -> None:
    value = torch.full((40_000,), 1.0 + 1 / 1024)  # neighbours in bfloat16: 1 and 1 + 1/128
    rounded = round_at_random(value, seed=0)
    assert set(rounded.unique().tolist()) == {1.0, 1.0 + 1 / 128}
    assert float(rounded.mean()) == pytest.approx(1 + 1 / 1024, abs=1e-4)
    negative = round_at_random(-value, seed=1)
    assert float(negative.mean()) == pytest.approx(-1 - 1 / 1024, abs=1e-4)
    assert torch.equal(rounded, rounded.bfloat16().float())


def test_small_steps_do_not_vanish_in_bfloat16() -> None:
    table = LatentMatrix(3, 512, bias=False, dtype=torch.bfloat16)
    table.randomise(0, 1.0)
    before = table.weight[1].float().clone()
    ours = optimizer(nn.ModuleList([table, nn.Linear(1, 1)]), 0.0, row_rate=1e-3)
    for _ in range(300):
        table.gather_rows(torch.tensor([1]))[0].sum().backward()
        ours.step()
    moved = (before - table.weight[1].float()).mean()
    assert float(moved) == pytest.approx(1e-3 * sum(step**-0.5 for step in range(1, 301)), rel=0.1)


def test_a_model_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="no latent rows"):
        optimizer(nn.Linear(2, 2), 1e-3)


def _process(rank: int, port: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    toy = Toy()
    ours = optimizer(toy, 0.0)
    for number in range(2):
        (toy.loss(inputs(number)[3 * rank : 3 * rank + 3], [1, 2] if rank else [2, 8]) * 2).backward()
        ours.step()
        ours.zero_grad()
    torch.save(toy.rows.state_dict(), Path(folder) / f"{rank}.pt")
    torch.distributed.barrier()
    os._exit(0)  # gloo's threads may abort an interpreter that is being taken down


@pytest.mark.slow
def test_two_processes_hold_the_same_rows_and_those_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_process, (port, str(tmp_path)), nprocs=2)
    left, right = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    toy = Toy()
    ours = optimizer(toy, 0.0)
    for number in range(2):
        toy.loss(inputs(number)[:3], [2, 8]).backward()
        toy.loss(inputs(number)[3:], [1, 2]).backward()
        ours.step()
        ours.zero_grad()
    expected: dict[str, Any] = toy.rows.state_dict()
    for name, value in expected.items():
        assert torch.equal(left[name], right[name])
        assert torch.allclose(left[name], value, atol=1e-6)
