"""Max pooling of logits: each text's largest logit a term, tile by tile.

SPLADE's f and relu are monotone, so only the largest logit of each (text, term) is needed: the product is
computed in tiles that stay in cache and reduced at once, O(B V) memory. Backward recomputes the winning
position of the active terms alone, and its products are sparse times dense.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from splade_cli.model.kernels.linear import QuantizedMatrix, product, quantize

TILE_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 27, "mps": 1 << 25}
"""Logits held at a time, by kind of device: on a CPU what one core's cache takes."""
TILE_COLUMNS = {"cpu": 1024}
WIDE_COLUMNS = 16384
ALIKE = 0.8
"""A group's shortest text has at least this share of the tokens of its longest."""


def max_logits(hidden: Tensor, mask: Tensor, weight: Tensor | QuantizedMatrix, bias: Tensor | None) -> Tensor:
    """[B, V] largest logit over a text's real tokens; -inf for a text without any. No gradient.

    Args: as `pooling.sparse_pool`; the weight may be int8.
    """
    quantized = weight if isinstance(weight, QuantizedMatrix) else None
    if quantized is not None:
        matrix = quantized.values
        exact = torch.float32
    else:
        assert isinstance(weight, Tensor)
        exact = torch.promote_types(weight.dtype, torch.float32)
        hidden, matrix = under_autocast(hidden, weight)
    kind = hidden.device.type
    vocabulary = len(matrix)
    largest = torch.empty(len(hidden), vocabulary, dtype=exact, device=hidden.device)
    largest[~mask.bool().any(1)] = float("-inf")
    columns = min(vocabulary, TILE_COLUMNS.get(kind, WIDE_COLUMNS))
    rows_at_most = max(1, TILE_ELEMENTS.get(kind, 1 << 19) // columns)
    for members, positions, longest in groups_of_like_length(mask, rows_at_most):
        rows = hidden[members].gather(1, positions[..., None].expand(-1, -1, hidden.shape[2]))
        scale: Tensor | None = None
        if quantized is not None:
            rows, scale = quantize(rows.float())
        rows = rows.reshape(-1, hidden.shape[2])
        count = len(positions)
        in_a_row = isinstance(members, slice)
        target = largest[members] if in_a_row else largest.new_empty(count, vocabulary)
        for start in range(0, vocabulary, columns):
            part = slice(start, start + columns)
            tile = product(rows, matrix[part]).view(count, longest, -1).amax(1)
            if quantized is not None and scale is not None:
                tile = tile * scale * quantized.scale[part]
            target[:, part] = tile if bias is None else tile + bias[part]
        if not in_a_row:
            largest[members] = target
    return largest


def under_autocast(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both operands in the dtype that autocast asks for, else in the weight's."""
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        return hidden.to(dtype), weight.to(dtype)
    return hidden.to(weight.dtype), weight


def groups_of_like_length(mask: Tensor, rows_at_most: int) -> Iterator[tuple[Tensor | slice, Tensor, int]]:
    """Texts of like length together: (text numbers [n], token positions [n, longest], longest) of each group.

    Numbers are a slice where they follow one another, as they do where texts come sorted by length. Positions
    list a text's real tokens first; what is left over repeats its first one, which changes no maximum.
    """
    real = mask.bool()
    lengths = real.sum(1)
    order = torch.argsort(lengths, descending=True, stable=True)
    positions = torch.argsort(~real, dim=1, stable=True)
    inside = torch.arange(mask.shape[1], device=mask.device)[None] < lengths[:, None]
    positions = torch.where(inside, positions, positions[:, :1])
    sizes = lengths[order].tolist()
    numbers = order.tolist()
    start = 0
    while start < len(sizes) and sizes[start] > 0:
        longest = sizes[start]
        end = min(len(sizes), start + max(1, rows_at_most // longest))
        while sizes[end - 1] == 0 or (sizes[end - 1] < longest * ALIKE and end - start > 1):
            end -= 1
        first = numbers[start]
        count = end - start
        in_a_row = numbers[start:end] == list(range(first, first + count))
        texts = order[start:end]
        yield slice(first, first + count) if in_a_row else texts, positions[texts, :longest], longest
        start = end


class MaxLogits(torch.autograd.Function):
    """`max_logits` with gradients in hidden states, weight and bias, where the largest logit is above 0."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        largest = max_logits(hidden, mask, weight, bias)
        ctx.save_for_backward(hidden, mask, weight, largest)
        ctx.has_bias = bias is not None
        return largest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, mask, weight, largest = ctx.saved_tensors
        gradient = gradients[0]
        batch, length, width = hidden.shape
        texts, terms = torch.nonzero((gradient != 0) & (largest > 0), as_tuple=True)
        values = gradient[texts, terms].to(weight.dtype)
        flat = texts * length + _winning_positions(hidden, mask, weight, texts, terms)
        d_hidden = torch.zeros(batch * length, width, dtype=weight.dtype, device=weight.device)
        d_hidden.index_add_(0, flat, weight[terms] * values[:, None])
        d_weight = None
        if ctx.needs_input_grad[2]:
            rows = hidden.reshape(-1, width)[flat].to(weight.dtype)
            d_weight = torch.zeros_like(weight).index_add_(0, terms, rows * values[:, None])
        d_bias = None
        if ctx.has_bias and ctx.needs_input_grad[3]:
            d_bias = torch.zeros(len(weight), dtype=weight.dtype, device=weight.device)
            d_bias.index_add_(0, terms, values)
        return d_hidden.view_as(hidden).to(hidden.dtype), None, d_weight, d_bias


def _winning_positions(hidden: Tensor, mask: Tensor, weight: Tensor, texts: Tensor, terms: Tensor) -> Tensor:
    """The token whose logit is largest, for pairs of ascending texts and their terms."""
    positions = torch.empty_like(texts)
    padding = ~mask.bool()
    bounds = torch.searchsorted(texts, torch.arange(len(hidden) + 1, device=texts.device)).tolist()
    for text, (start, end) in enumerate(pairwise(bounds)):
        if start < end:
            logits = weight[terms[start:end]] @ hidden[text].to(weight.dtype).T
            positions[start:end] = logits.masked_fill_(padding[text], float("-inf")).argmax(1)
    return positions
