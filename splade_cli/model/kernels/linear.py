"""Linear layers and matrix products on the kernels of `dispatch`; symmetric int8 quantisation.

In other precisions, on other devices, under autocast and while a graph is compiled or exported, torch's own
product is used.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from splade_cli.model.kernels import dispatch


class QuantizedMatrix(NamedTuple):
    """A weight [o, i] as int8 `values` with one `scale` [o] a row: exact to 1/254 of a row's largest."""

    values: Tensor
    scale: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> QuantizedMatrix:
        """The int8 form of a float weight [o, i]."""
        values, scale = quantize(weight.detach()[:, None])
        return cls(values[:, 0], scale[:, 0].contiguous())


def quantize(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric int8 of `rows` [n, l, i] with one scale for each n: (values int8 [n, l, i], scale [n, 1])."""
    scale = rows.abs().amax((1, 2)).clamp_(min=torch.finfo(torch.float32).tiny * 127) / 127
    return (rows / scale[:, None, None]).round_().to(torch.int8), scale[:, None].float()


def product(rows: Tensor, weight: Tensor) -> Tensor:
    """``rows @ weight.T`` of rows [..., i] and weight [o, i] of one dtype (int8 gives int32); no gradient."""
    if rows.dtype == torch.int8:
        return dispatch.quantized_product()(rows, weight)
    if _has_kernel(rows, weight) and rows.numel() and weight.numel():
        return dispatch.float32_product()(rows, weight)
    return dispatch.plain_product(rows, weight)


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, differentiable, as `torch.nn.functional.linear`."""
    torch_only = torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    if torch_only or not _has_kernel(rows, weight):
        return nn.functional.linear(rows, weight, bias)
    out: Tensor = LinearFunction.apply(rows, weight, bias)
    return out


def _has_kernel(rows: Tensor, weight: Tensor) -> bool:
    """Whether another kernel than the plain one computes this product."""
    float32 = rows.dtype == torch.float32 and weight.dtype == torch.float32
    return float32 and rows.device.type == "cpu" and dispatch.float32_product() is not dispatch.plain_product


class FastLinear(nn.Linear):
    """`torch.nn.Linear` on the kernels of `dispatch`."""

    def forward(self, rows: Tensor) -> Tensor:
        """x W^T + b."""
        return linear(rows, self.weight, self.bias)


def use_fast_linear(module: nn.Module) -> None:
    """Makes each plain `nn.Linear` in `module` a `FastLinear`, by its class alone: what it holds stays."""
    for part in module.modules():
        if type(part) is nn.Linear:
            part.__class__ = FastLinear


class LinearFunction(torch.autograd.Function):
    """x W^T + b, float32 on the CPU, forward and backward by `product`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        out = product(rows, weight)
        return out if bias is None else out.add_(bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        d_rows = None
        if ctx.needs_input_grad[0]:
            d_rows = product(gradient, weight.T)
        flat = gradient.reshape(-1, gradient.shape[-1])
        d_weight = None
        if ctx.needs_input_grad[1]:
            d_weight = product(flat.T, rows.reshape(-1, rows.shape[-1]).T)
        d_bias = flat.sum(0) if ctx.needs_input_grad[2] else None
        return d_rows, d_weight, d_bias
