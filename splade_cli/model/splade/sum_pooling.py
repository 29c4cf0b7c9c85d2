"""Sum pooling of activated logits, tile by tile, with the logits computed again in backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splade_cli.model.splade.max_pooling import under_autocast

TILE_COLUMNS = {"cpu": 4096}
WIDE_COLUMNS = 65536


class SumPooling(torch.autograd.Function):
    """[B, V] sum over real tokens of f(relu(logit)), see `pooling`."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, activation: str
    ) -> Tensor:
        low_hidden, low_weight = under_autocast(hidden, weight)
        total = torch.zeros(len(hidden), len(weight), dtype=weight.dtype, device=weight.device)
        for text, rows, part in _tiles(low_hidden, mask, len(weight)):
            logits = (rows @ low_weight[part].T).to(weight.dtype)
            if bias is not None:
                logits = logits + bias[part]
            weights = torch.log1p(torch.relu(logits))
            if activation == "log1p_relu":
                weights = torch.log1p(weights)
            total[text, part] = weights.sum(0)
        ctx.save_for_backward(hidden, mask, weight, bias)
        ctx.activation = activation
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, mask, weight, bias = ctx.saved_tensors
        gradient = gradients[0].to(weight.dtype)
        d_hidden = torch.zeros_like(hidden, dtype=weight.dtype)
        d_weight = torch.zeros_like(weight)
        d_bias = None if bias is None else torch.zeros_like(bias)
        for text, rows, part in _tiles(hidden.to(weight.dtype), mask, len(weight)):
            logits = rows @ weight[part].T
            if bias is not None:
                logits = logits + bias[part]
            slope = (logits > 0) / (1 + logits.clamp(min=0))
            if ctx.activation == "log1p_relu":
                slope = slope / (1 + torch.log1p(torch.relu(logits)))
            d_logits = slope * gradient[text, part]
            d_hidden[text][mask[text].bool()] += d_logits @ weight[part]
            d_weight[part] += d_logits.T @ rows
            if d_bias is not None:
                d_bias[part] += d_logits.sum(0)
        return d_hidden.to(hidden.dtype), None, d_weight, d_bias, None


def _tiles(hidden: Tensor, mask: Tensor, vocabulary: int) -> list[tuple[int, Tensor, slice]]:
    """(text, its real tokens' hidden states, columns) of each tile."""
    step = TILE_COLUMNS.get(hidden.device.type, WIDE_COLUMNS)
    tiles = []
    for text in range(len(hidden)):
        rows = hidden[text][mask[text].bool()]
        for start in range(0, vocabulary, step):
            tiles.append((text, rows, slice(start, min(start + step, vocabulary))))
    return tiles
