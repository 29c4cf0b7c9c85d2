"""Matrix products x W^T by the fastest kernel of this CPU, float32 with gradients or int8; knows no model family.

PyTorch hands float32 products on x86 to MKL, which keeps to AVX2 on AMD machines; oneDNN, which lies in the same
wheel, uses AVX-512 there (2.2 times the rate on a Zen 5, see benchmarks/RESULTS.md). Elsewhere, in other precisions,
under autocast and while a graph is exported, torch's own product is used.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


@cache
def onednn_is_faster() -> bool:
    """Whether float32 products go to oneDNN: by what the CPU has and not by the clock, so that results repeat."""
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


class Int8Weight(NamedTuple):
    """A weight [o, i] as int8 `values` and one `scale` [o] a row: values * scale, to 1/254 of a row's largest."""

    values: Tensor
    scale: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> Int8Weight:
        """The int8 form of a float weight [o, i]."""
        values, scale = quantize(weight.detach()[:, None])
        return cls(values[:, 0], scale[:, 0].contiguous())


def quantize(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric int8 of `rows` [n, l, i] with one scale for each n: (values int8 [n, l, i], scale [n, 1])."""
    scale = rows.abs().amax((1, 2)).clamp_(min=torch.finfo(torch.float32).tiny * 127) / 127
    return (rows / scale[:, None, None]).round_().to(torch.int8), scale[:, None].float()


def product(rows: Tensor, weight: Tensor) -> Tensor:
    """``rows @ weight.T`` for rows [..., i] and weight [o, i] of one dtype (int8 gives int32); records no gradient."""
    if rows.dtype == torch.int8:
        counts: Tensor = torch._int_mm(rows, weight.T)
        return counts
    if _takes_onednn(rows) and weight.dtype == torch.float32 and rows.numel() and weight.numel():
        fast: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")
        return fast
    return rows @ weight.T


def _takes_onednn(rows: Tensor) -> bool:
    return rows.device.type == "cpu" and rows.dtype == torch.float32 and onednn_is_faster()


def quicken(module: nn.Module) -> None:
    """Makes each plain `nn.Linear` in `module` compute by `product`; parameters, names and results stay."""
    for part in module.modules():
        if type(part) is nn.Linear and "forward" not in part.__dict__:
            part.forward = partial(_linear, part)  # type: ignore[method-assign]


def _linear(part: nn.Linear, rows: Tensor) -> Tensor:
    plain = torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    if plain or not _takes_onednn(rows) or part.weight.dtype != torch.float32:
        return nn.functional.linear(rows, part.weight, part.bias)
    out: Tensor = Linear.apply(rows, part.weight, part.bias)
    return out


class Linear(torch.autograd.Function):
    """x W^T + b, float32 on the CPU."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        out = product(rows, weight)
        return out if bias is None else out.add_(bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        d_rows = product(gradient, weight.T) if ctx.needs_input_grad[0] else None
        d_weight = product(flat.T, rows.reshape(-1, rows.shape[-1]).T) if ctx.needs_input_grad[1] else None
        d_bias = flat.sum(0) if ctx.needs_input_grad[2] else None
        return d_rows, d_weight, d_bias
