"""Hidden states to vocabulary weights without the (texts, tokens, vocabulary) tensor; knows no tokenizer, no model.

For hidden states H[B, L, d], a linear decoder W[V, d], b[V] and a mask of real tokens, SPLADE's weights are

    max:  w[B, V] = max_l f(relu(H W^T + b))      [Formal et al. 2021, arXiv 2109.10086, eq. 6]
    sum:  w[B, V] = sum_l f(relu(H W^T + b))      [Formal et al. 2021, arXiv 2107.05720, eq. 1]

with f(x) = log(1 + x), applied twice for ``log1p_relu`` (arXiv 2504.14839). f and relu are monotone, so for max only
the largest logit of each (text, term) is needed: the product is computed in tiles that stay in cache and reduced at
once, O(B V) memory, and f is applied to what is active. Backward of max recomputes the winning position of the active
terms alone, and its products are sparse times dense. The idea of fusing the head is Sparton's (arXiv 2603.25011).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from splade_cli.model.kernels.linear import QuantizedMatrix, product, quantize
from splade_cli.model.sparse_model import SparseRows, nonzero_rows

TILE_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 27, "mps": 1 << 25}
"""Logits held at a time, by kind of device: on a CPU what one core's cache takes."""
TILE_COLUMNS = {"cpu": 1024}
WIDE_COLUMNS = 16384


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
        [B, V] non-negative, differentiable in hidden, weight and bias. A text without a real token is all zeros.
    """
    if pooling == "sum":
        total: Tensor = _SumPool.apply(hidden, mask, weight, bias, activation)
        return total
    largest: Tensor = _MaxLogit.apply(hidden, mask, weight, bias)
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

    Args: as `sparse_pool`; `weight` may be an `kernels.linear.QuantizedMatrix`, for ``max``.

    Raises:
        FloatingPointError: a weight that is not finite.
    """
    if pooling == "sum":
        assert isinstance(weight, Tensor)
        return nonzero_rows(sparse_pool(hidden, mask, weight, bias, pooling, activation))
    return nonzero_rows(
        _largest_logits(hidden, mask, weight, bias), lambda logits: activate(logits, activation)
    )


def _autocast(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        return hidden.to(dtype), weight.to(dtype)
    return hidden.to(weight.dtype), weight


def _groups(mask: Tensor, rows_at_most: int) -> Iterator[tuple[Tensor | slice, Tensor, int]]:
    """Texts of like length together: (text numbers [n], token positions [n, longest], longest) of each group.

    Numbers are a slice where they follow one another, as they do where texts come sorted by length.
    Positions list a text's real tokens first; what is left over repeats its first one, which changes no maximum.
    """
    real = mask.bool()
    lengths = real.sum(1)
    order = torch.argsort(lengths, descending=True, stable=True)
    positions = torch.argsort(~real, dim=1, stable=True)
    inside = torch.arange(mask.shape[1], device=mask.device)[None] < lengths[:, None]
    positions = torch.where(inside, positions, positions[:, :1])
    start, sizes, numbers = 0, lengths[order].tolist(), order.tolist()
    while start < len(sizes) and sizes[start] > 0:
        longest = sizes[start]
        end = min(len(sizes), start + max(1, rows_at_most // longest))
        while sizes[end - 1] == 0 or (sizes[end - 1] < longest * 0.8 and end - start > 1):
            end -= 1
        first, count = numbers[start], end - start
        in_a_row = numbers[start:end] == list(range(first, first + count))
        texts = order[start:end]
        yield slice(first, first + count) if in_a_row else texts, positions[texts, :longest], longest
        start = end


def _largest_logits(
    hidden: Tensor, mask: Tensor, weight: Tensor | QuantizedMatrix, bias: Tensor | None
) -> Tensor:
    """[B, V] largest logit over a text's real tokens; -inf for a text without any. No gradient."""
    kind, vocabulary = (
        hidden.device.type,
        len(weight.scale if isinstance(weight, QuantizedMatrix) else weight),
    )
    scales: Tensor | None = None
    exact = (
        torch.float32
        if isinstance(weight, QuantizedMatrix)
        else torch.promote_types(weight.dtype, torch.float32)
    )
    largest = torch.empty(len(hidden), vocabulary, dtype=exact, device=hidden.device)
    largest[~mask.bool().any(1)] = float("-inf")
    columns = min(vocabulary, TILE_COLUMNS.get(kind, WIDE_COLUMNS))
    if isinstance(weight, QuantizedMatrix):
        matrix, scales = weight
    else:
        hidden, matrix = _autocast(hidden, weight)
    for members, positions, longest in _groups(mask, max(1, TILE_ELEMENTS.get(kind, 1 << 19) // columns)):
        rows = hidden[members].gather(1, positions[..., None].expand(-1, -1, hidden.shape[2]))
        if scales is not None:
            rows, scale = quantize(rows)
        rows = rows.reshape(-1, hidden.shape[2])
        count = len(positions)
        target = largest[members] if isinstance(members, slice) else largest.new_empty(count, vocabulary)
        for start in range(0, vocabulary, columns):
            part = slice(start, start + columns)
            found = product(rows, matrix[part]).view(count, longest, -1).amax(1)
            if scales is not None:
                found = found * scale * scales[part]
            target[:, part] = found if bias is None else found + bias[part]
        if not isinstance(members, slice):
            largest[members] = target
    return largest


class _MaxLogit(torch.autograd.Function):
    """`_largest_logits` with gradients."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        largest = _largest_logits(hidden, mask, weight, bias)
        ctx.save_for_backward(hidden, mask, weight, largest)
        ctx.has_bias = bias is not None
        return largest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, mask, weight, largest = ctx.saved_tensors
        gradient = gradients[0]
        width = hidden.shape[2]
        texts, terms = torch.nonzero((gradient != 0) & (largest > 0), as_tuple=True)
        values = gradient[texts, terms].to(weight.dtype)
        positions = torch.empty_like(texts)
        blocked = ~mask.bool()
        bounds = torch.searchsorted(texts, torch.arange(len(hidden) + 1, device=texts.device)).tolist()
        for text, (start, end) in enumerate(pairwise(bounds)):
            if start < end:
                logits = weight[terms[start:end]] @ hidden[text].to(weight.dtype).T
                positions[start:end] = logits.masked_fill_(blocked[text], float("-inf")).argmax(1)
        flat = texts * hidden.shape[1] + positions
        d_hidden = torch.zeros(
            hidden.shape[0] * hidden.shape[1], width, dtype=weight.dtype, device=weight.device
        )
        d_hidden.index_add_(0, flat, weight[terms] * values[:, None])
        d_weight = None
        if ctx.needs_input_grad[2]:
            rows = hidden.reshape(-1, width)[flat].to(weight.dtype)
            d_weight = torch.zeros_like(weight).index_add_(0, terms, rows * values[:, None])
        d_bias = None
        if ctx.has_bias and ctx.needs_input_grad[3]:
            d_bias = torch.zeros(len(weight), dtype=weight.dtype, device=weight.device).index_add_(
                0, terms, values
            )
        return d_hidden.view_as(hidden).to(hidden.dtype), None, d_weight, d_bias


class _SumPool(torch.autograd.Function):
    """[B, V] sum over real tokens of f(relu(logit)), logits recomputed tile by tile in backward."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, activation: str
    ) -> Tensor:
        low_hidden, low_weight = _autocast(hidden, weight)
        total = torch.zeros(len(hidden), len(weight), dtype=weight.dtype, device=weight.device)
        for text, rows, part in _text_tiles(low_hidden, mask, len(weight)):
            logits = (rows @ low_weight[part].T).to(weight.dtype)
            logits = logits if bias is None else logits + bias[part]
            total[text, part] = activate(logits, activation).sum(0)
        ctx.save_for_backward(hidden, mask, weight, bias)
        ctx.activation = activation
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, mask, weight, bias = ctx.saved_tensors
        gradient = gradients[0].to(weight.dtype)
        d_hidden, d_weight = torch.zeros_like(hidden, dtype=weight.dtype), torch.zeros_like(weight)
        d_bias = None if bias is None else torch.zeros_like(bias)
        for text, rows, part in _text_tiles(hidden.to(weight.dtype), mask, len(weight)):
            logits = rows @ weight[part].T
            logits = logits if bias is None else logits + bias[part]
            slope = (logits > 0) / (1 + logits.clamp(min=0))
            if ctx.activation == "log1p_relu":
                slope = slope / (1 + torch.log1p(torch.relu(logits)))
            d_logits = slope * gradient[text, part]
            d_hidden[text][mask[text].bool()] += d_logits @ weight[part]
            d_weight[part] += d_logits.T @ rows
            if d_bias is not None:
                d_bias[part] += d_logits.sum(0)
        return d_hidden.to(hidden.dtype), None, d_weight, d_bias, None


def _text_tiles(hidden: Tensor, mask: Tensor, vocabulary: int) -> list[tuple[int, Tensor, slice]]:
    columns = 4096 if hidden.device.type == "cpu" else 65536
    rows = [(text, hidden[text][mask[text].bool()]) for text in range(len(hidden))]
    return [
        (t, r, slice(s, min(s + columns, vocabulary))) for t, r in rows for s in range(0, vocabulary, columns)
    ]
