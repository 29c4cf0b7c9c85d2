"""A SPLADE encoder in operations that ONNX has: token ids [B, L] to weights [B, V], or logits [B, L, V]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from splade_cli.model.splade.encoder import SpladeModel
from splade_cli.model.splade.pooling import activate

TILE = 4096
"""Columns of logits at a time."""


class QueryGraph(nn.Module):
    """`SpladeModel.forward` without its kernels: no custom gradient, no loop over texts."""

    def __init__(self, model: SpladeModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Weights [B, V]; zeros for a text without a real token."""
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            features["token_type_ids"] = token_type_ids
        rows = self.model.head_input(**features)
        pool = self._largest if self.model.pooling == "max" else self._sum
        return torch.where((attention_mask != 0).any(1)[:, None], pool(rows, attention_mask), 0.0)

    def _largest(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Max pooling: f of each text's largest logit, so that the bias is added after the maximum."""
        # a pad becomes the text's first real row, which changes no maximum: no mask over [B, L, V] is needed
        first = rows[torch.arange(rows.shape[0], device=rows.device), mask.argmax(1)]
        rows = torch.where((mask != 0)[..., None], rows, first[:, None])
        decoder = self.model.decoder
        if decoder is None:
            return activate(rows.amax(1), self.model.activation)
        largest = _tiled(rows, decoder.weight, lambda logits, part: logits.amax(1))
        if decoder.bias is not None:
            largest = largest + decoder.bias
        return activate(largest, self.model.activation)

    def _sum(self, rows: Tensor, mask: Tensor) -> Tensor:
        """Sum pooling: the sum of f over a text's real tokens."""
        real = (mask != 0)[..., None]
        activation = self.model.activation
        decoder = self.model.decoder
        if decoder is None:
            return torch.where(real, activate(rows, activation), 0.0).sum(1)
        bias = decoder.bias

        def total(logits: Tensor, part: slice) -> Tensor:
            if bias is not None:
                logits = logits + bias[part]
            return torch.where(real, activate(logits, activation), 0.0).sum(1)

        return _tiled(rows, decoder.weight, total)


class LogitsGraph(nn.Module):
    """The masked language model alone, for runtimes that pool themselves by the largest log(1 + relu(logit)).

    Of a model whose activation takes the logarithm twice, the inner one is part of these logits.
    """

    def __init__(self, model: SpladeModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Logits [B, L, V]."""
        features = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None:
            features["token_type_ids"] = token_type_ids
        logits = self.model.head_input(**features)
        decoder = self.model.decoder
        if decoder is not None:
            logits = nn.functional.linear(logits, decoder.weight, decoder.bias)
        return torch.log1p(torch.relu(logits)) if self.model.activation == "log1p_relu" else logits


def _tiled(rows: Tensor, weight: Tensor, pool: Callable[[Tensor, slice], Tensor]) -> Tensor:
    """[B, V] from logits of TILE columns at a time, so that [B, L, V] never is."""
    parts = [slice(start, start + TILE) for start in range(0, len(weight), TILE)]
    return torch.cat([pool(nn.functional.linear(rows, weight[part]), part) for part in parts], dim=1)
