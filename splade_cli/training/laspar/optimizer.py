"""Optimiser of a latent model: AdamW for its body, row-wise Adagrad for the rows of U that a step gathered.

A row of U, and b of a latent, has one accumulator: s += mean(g^2) over the row, row -= rate * g / sqrt(s)
(row-wise Adagrad as in FBGEMM; Duchi et al. 2011 with one rate a row). The mean square is a row's own, so a
step's length does not depend on the scale of the loss, and U needs D more floats where AdamW would need 2 D
r. Rows that no text of a batch kept are not touched, nor read. Rows in bfloat16 are rounded up or down at
random in proportion (stochastic rounding, Gupta et al. 2015, arXiv 1502.02551): a step far smaller than 1/256
of a number would otherwise vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn

from splade_cli.model.laspar.latent_matrix import LatentMatrix, RowBatch
from splade_cli.training.sparsity.all_reduce import processes

ROW_RATE = 0.001
"""Of U's deviation, which is 1: what a row moves by in its first step, a number."""
TINY = 1e-12


class RowsOptimizer(torch.optim.AdamW):
    """AdamW, and row-wise Adagrad for `tables`.

    U's gradient never lies in ``.grad``, so clipping a model's gradients clips the others': it would do
    nothing to Adagrad's steps, which their own history scales.

    Args:
        groups: AdamW's parameter groups.
        tables: what rows are gathered from.
        rate: learning rate of rows; a scheduler scales it like every group's ``lr``.
    """

    def __init__(
        self, groups: list[dict[str, Any]], tables: Sequence[LatentMatrix], rate: float = ROW_RATE
    ) -> None:
        self.tables = list(tables)
        parameters = []
        for table in self.tables:
            parameters.append(table.weight)
            if table.bias is not None:
                parameters.append(table.bias)
        super().__init__([*groups, {"params": parameters, "lr": rate, "weight_decay": 0.0}])

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of both; the rows that were gathered are written back."""
        loss = super().step(closure)
        rate = float(self.param_groups[-1]["lr"])
        for table in self.tables:
            gathered = _of_all_processes(table.gathered)
            table.gathered.clear()
            self._update(table.weight, [(batch.columns, batch.rows) for batch in gathered], rate)
            if table.bias is not None:
                biases = []
                for batch in gathered:
                    if batch.biases is not None:
                        biases.append((batch.columns, batch.biases[:, None]))
                self._update(table.bias, biases, rate)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets gradients, those of rows among them."""
        super().zero_grad(set_to_none)
        for table in self.tables:
            table.gathered.clear()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, but for the accumulators: torch would round them to bfloat16 where U is."""
        super().load_state_dict(state_dict)
        tables = self.param_groups[-1]["params"]
        numbers = state_dict["param_groups"][-1]["params"]
        for table, number in zip(tables, numbers, strict=True):
            saved = state_dict["state"].get(number)
            if saved is not None:
                self.state[table]["sum"] = saved["sum"].to(table.device, torch.float32).clone()

    def _update(self, table: Tensor, parts: list[tuple[Tensor, Tensor]], rate: float) -> None:
        """One step for a table [D, r] or [D]; gradients of a column that was gathered twice are added."""
        if not parts:
            return
        columns, positions = torch.unique(torch.cat([part[0] for part in parts]), return_inverse=True)
        gradients = torch.cat([part[1] for part in parts])
        gradient = gradients.new_zeros(len(columns), gradients.shape[1]).index_add_(0, positions, gradients)
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros(())
            state["sum"] = torch.zeros(len(table), device=table.device)
        state["step"] += 1
        accumulators = state["sum"][columns] + gradient.square().mean(1)
        state["sum"][columns] = accumulators
        change = gradient * (rate / (accumulators.sqrt() + TINY))[:, None]
        moved = table[columns].float() - change.view(-1, *table.shape[1:])
        if table.dtype == torch.bfloat16:
            moved = round_at_random(moved, seed=int(state["step"]))
        table[columns] = moved.to(table.dtype)


def round_at_random(values: Tensor, seed: int) -> Tensor:
    """Float32 values, each one of its two neighbours in bfloat16, the nearer the likelier; the mean stays."""
    generator = torch.Generator(device=values.device).manual_seed(seed)
    below = torch.randint(
        0, 1 << 16, values.shape, dtype=torch.int32, device=values.device, generator=generator
    )
    rounded: Tensor = ((values.contiguous().view(torch.int32) + below) & -(1 << 16)).view(torch.float32)
    return rounded


def _of_all_processes(gathered: list[RowBatch]) -> list[RowBatch]:
    """The gradients of what was gathered, in place of the rows; a mean over processes, as DDP takes."""
    gradients = []
    for batch in gathered:
        if batch.rows.grad is not None:
            biases = None if batch.biases is None else batch.biases.grad
            gradients.append(RowBatch(batch.columns, batch.rows.grad, biases))
    world = processes()
    if world == 1:
        return gradients
    sent: list[Any] = [None] * world
    distributed.all_gather_object(sent, [_moved(batch, torch.device("cpu")) for batch in gradients])
    device = gathered[0].rows.device if gathered else torch.device("cpu")
    means = []
    for batches in sent:
        for batch in batches:
            columns, rows, biases = _moved(RowBatch(*batch), device)
            mean = None if biases is None else biases / world
            means.append(RowBatch(columns, rows / world, mean))
    return means


def _moved(batch: RowBatch, device: torch.device) -> RowBatch:
    biases = None if batch.biases is None else batch.biases.to(device)
    return RowBatch(batch.columns.to(device), batch.rows.to(device), biases)


def optimizer(
    model: nn.Module, learning_rate: float, weight_decay: float = 0.0, row_rate: float = ROW_RATE
) -> RowsOptimizer:
    """The optimiser of a model that holds `LatentMatrix`.

    Args:
        model: its other parameters that want gradients go to AdamW, matrices with weight decay, vectors
            without.
        row_rate: learning rate of U and b.

    Raises:
        ValueError: there are no latent rows in `model`.
    """
    tables = [part for part in model.modules() if isinstance(part, LatentMatrix) and part.trained]
    if not tables:
        raise ValueError("no latent rows to train in this model")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
    vectors = [parameter for parameter in parameters if parameter.ndim < 2]
    groups = [
        {"params": matrices, "lr": learning_rate, "weight_decay": weight_decay},
        {"params": vectors, "lr": learning_rate, "weight_decay": 0.0},
    ]
    return RowsOptimizer(groups, tables, row_rate)
