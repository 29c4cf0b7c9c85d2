"""SPLADE pooling: hidden states to vocabulary weights without the (texts, tokens, vocabulary) tensor.

For hidden states H[B, L, d], a linear decoder W[V, d], b[V] and a mask of real tokens, SPLADE's weights are

    max:  w[B, V] = max_l f(relu(H W^T + b))      [Formal et al. 2021, arXiv 2109.10086, eq. 6]
    sum:  w[B, V] = sum_l f(relu(H W^T + b))      [Formal et al. 2021, arXiv 2107.05720, eq. 1]

with f(x) = log(1 + x), applied twice for ``log1p_relu`` (arXiv 2504.14839). The idea of fusing decoder and
pooling is Sparton's (arXiv 2603.25011).
"""

from __future__ import annotations

import torch
from torch import Tensor

from splade_cli.model.kernels.linear import QuantizedMatrix
from splade_cli.model.sparse_model import SparseRows, nonzero_rows
from splade_cli.model.splade.max_pooling import MaxLogits, max_logits
from splade_cli.model.splade.sum_pooling import SumPooling


def activate(logits: Tensor, activation: str) -> Tensor:
    """f(relu(logits)) for activation ``relu`` (one log1p) or ``log1p_relu`` (two)."""
    weights = torch.log1p(torch.relu(logits))
    return torch.log1p(weights) if activation == "log1p_relu" else weights


def sparse_pool(
    hidden: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pooling: str = "max",
    activation: str = "relu",
) -> Tensor:
    """Vocabulary weights of each text, for training.

    Args:
        hidden: [B, L, d], what the decoder would have been given.
        mask: [B, L], non-zero for real tokens; padding on either side.
        weight: [V, d] of the linear decoder.
        bias: [V] or None.
        pooling: ``max`` or ``sum`` over a text's tokens.
        activation: ``relu`` or ``log1p_relu``.

    Returns:
        [B, V] non-negative, differentiable in hidden, weight and bias; zeros for a text without a real token.
    """
    if pooling == "sum":
        total: Tensor = SumPooling.apply(hidden, mask, weight, bias, activation)
        return total
    largest: Tensor = MaxLogits.apply(hidden, mask, weight, bias)
    return activate(largest, activation)


def sparse_rows(
    hidden: Tensor,
    mask: Tensor,
    weight: Tensor | QuantizedMatrix,
    bias: Tensor | None,
    pooling: str = "max",
    activation: str = "relu",
) -> SparseRows:
    """The same weights for encoding: only what is not zero, as CSR arrays on the CPU, and no gradient.

    Args: as `sparse_pool`; `weight` may be a `kernels.linear.QuantizedMatrix`, for ``max``.

    Raises:
        FloatingPointError: a weight that is not finite.
    """
    if pooling == "sum":
        assert isinstance(weight, Tensor)
        return nonzero_rows(sparse_pool(hidden, mask, weight, bias, pooling, activation))
    largest = max_logits(hidden, mask, weight, bias)
    return nonzero_rows(largest, lambda logits: activate(logits, activation))
