"""Kernel dispatch: which routine multiplies matrices on this machine, chosen once by what its processor has.

    float32   oneDNN's on CPUs with AVX-512: PyTorch hands these products to MKL, which keeps to AVX2 on AMD
              machines; oneDNN lies in the same wheel (2.2 times the rate on a Zen 5, benchmarks/RESULTS.md)
    int8      torch's, which takes VNNI where the CPU has it
    bfloat16  torch's, worth its rounding only where the device has instructions for it

A kernel is compared with the plain product at its first use, and not used where the two differ.
``SPLADE_KERNELS=plain`` in the environment switches all of them off. Private operators of torch are called in
this file and nowhere else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from splade_cli.errors import InputError

VARIABLE = "SPLADE_KERNELS"
CHOICES = ("auto", "plain")
TOLERANCE = 1e-4
"""Of a float32 kernel's results on numbers of deviation 1."""

Product = Callable[[Tensor, Tensor], Tensor]
"""``rows @ weight.T`` of rows [..., i] and weight [o, i]; records no gradient."""


def plain_product(rows: Tensor, weight: Tensor) -> Tensor:
    """torch's own product."""
    return rows @ weight.T


def onednn_product(rows: Tensor, weight: Tensor) -> Tensor:
    """oneDNN's product of float32 matrices on the CPU."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")
    return out


def plain_int8_product(rows: Tensor, weight: Tensor) -> Tensor:
    """The exact int32 product of int8 matrices, by way of float64."""
    return (rows.double() @ weight.double().T).to(torch.int32)


def int8_product(rows: Tensor, weight: Tensor) -> Tensor:
    """torch's int32 product of int8 matrices."""
    out: Tensor = torch._int_mm(rows, weight.T)
    return out


@cache
def fast_kernels_wanted() -> bool:
    """Whether the environment allows other kernels than the plain ones. Raises InputError."""
    choice = os.environ.get(VARIABLE, "auto") or "auto"
    if choice not in CHOICES:
        raise InputError(f"unknown {VARIABLE} '{choice}'", f"one of {', '.join(CHOICES)}")
    return choice == "auto"


class KernelChoice(NamedTuple):
    """The kernel of one kind of product, and why it is that one."""

    product: str
    kernel: str
    reason: str


@cache
def float32_product() -> Product:
    """The kernel of float32 products on the CPU: chosen without a clock, so that results repeat."""
    if fast_kernels_wanted() and has_onednn() and not _difference(*_float32_pair()):
        return onednn_product
    return plain_product


@cache
def quantized_product() -> Product:
    """The kernel of int8 products on the CPU."""
    known = fast_kernels_wanted() and hasattr(torch, "_int_mm")
    if known and not _difference(*_int8_pair()):
        return int8_product
    return plain_int8_product


def chosen_kernels() -> list[KernelChoice]:
    """Which kernels this machine takes, and for which reason, for people to read. Raises InputError."""
    capability = torch.backends.cpu.get_cpu_capability()
    if not fast_kernels_wanted():
        return [KernelChoice("all", "plain", f"{VARIABLE} asks for it")]
    accepted = "compared with the plain product, the same results"
    reason = _difference(*_float32_pair()) if has_onednn() else f"no AVX-512 for oneDNN ({capability})"
    float32 = KernelChoice("float32", "plain" if reason else "oneDNN", reason or f"{accepted} ({capability})")
    reason = _difference(*_int8_pair()) if hasattr(torch, "_int_mm") else "torch has none"
    speed = "VNNI" if int8_is_faster() else "no VNNI"
    int8 = KernelChoice("int8", "plain" if reason else "torch", reason or f"{accepted} ({speed})")
    bfloat16 = KernelChoice("bfloat16", "none", "no instructions of the CPU")
    if bf16_is_faster("cpu"):
        bfloat16 = KernelChoice("bfloat16", "torch", "by instructions, taken where a sample ranks alike")
    return [float32, int8, bfloat16]


def has_onednn() -> bool:
    """Whether torch holds oneDNN, and the CPU the instructions by which it beats MKL."""
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX512"
        and bool(torch.backends.mkldnn.is_available())
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def int8_is_faster() -> bool:
    """Whether this CPU multiplies int8 by instructions of its own (AVX-512 VNNI)."""
    return fast_kernels_wanted() and bool(_cpu_capabilities().get("avx512_vnni"))


def bf16_is_faster(kind: str) -> bool:
    """Whether a device of that kind multiplies bfloat16 by instructions of its own."""
    if kind != "cpu":
        return True
    capabilities = _cpu_capabilities()
    return fast_kernels_wanted() and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _cpu_capabilities() -> dict[str, bool]:
    known = hasattr(torch.cpu, "get_capabilities")
    return dict(torch.cpu.get_capabilities()) if known else {}


Samples = Iterable[tuple[Tensor, Tensor]]


def _float32_pair() -> tuple[Product, Product, Samples]:
    return onednn_product, plain_product, _float32_samples()


def _int8_pair() -> tuple[Product, Product, Samples]:
    return int8_product, plain_int8_product, _int8_samples()


def _difference(kernel: Product, plain: Product, samples: Samples) -> str:
    """How a kernel differs from the plain product, which the log says too; empty where they agree."""
    for rows, weight in samples:
        expected = plain(rows, weight)
        try:
            found = kernel(rows, weight)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            reason = str(error).partition("\n")[0]
        else:
            same_kind = found.shape == expected.shape and found.dtype == expected.dtype
            if same_kind and torch.allclose(found.double(), expected.double(), TOLERANCE, TOLERANCE):
                continue
            reason = "other results than the plain product"
        logging.getLogger(__name__).warning("%s is not used here: %s", kernel.__name__, reason)
        return reason
    return ""


def _float32_samples() -> list[tuple[Tensor, Tensor]]:
    """Rows and weights as they come: a text and a batch, contiguous, transposed, part of a larger matrix."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(37, 48, generator=generator)
    weight = torch.randn(29, 48, generator=generator)
    return [
        (rows, weight),
        (rows[:1], weight[3:20]),
        (rows.view(1, 37, 48).expand(2, 37, 48), weight),
        (rows.T.contiguous().T, weight.T.contiguous().T),
    ]


def _int8_samples() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-127, 128, (37, 48), generator=generator, dtype=torch.int8)
    weight = torch.randint(-127, 128, (24, 48), generator=generator, dtype=torch.int8)
    return [(rows, weight), (rows[:18], weight[:8])]
