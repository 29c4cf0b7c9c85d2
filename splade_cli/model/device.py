"""Where and in what precision to compute, with the reason; the only file that asks torch for cuda or mps."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.errors import InputError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


class Device(NamedTuple):
    """A place to compute: `name` as torch spells it, `precision` one of fp32, bf16, fp16, and why."""

    name: str
    precision: str
    reason: str

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of activations under autocast; weights stay float32."""
        import torch

        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]


def choose_device(device: str = "auto", precision: str = "auto") -> Device:
    """The device to use: what was asked for, else CUDA, else MPS, else CPU.

    Args:
        device: auto, cpu, mps, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16. auto is bf16 on CUDA from compute capability 8.0, fp16 on older
            CUDA, and fp32 elsewhere, where lower precision is not known to be safe and faster.

    Raises:
        InputError: an unknown name, or a device that this machine does not have.
    """
    import torch

    if re.fullmatch(rf"{'|'.join(DEVICES)}|cuda:\d+", device) is None:
        raise InputError(f"unknown device '{device}'", f"one of {', '.join(DEVICES)}, or cuda:N")
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision '{precision}'", f"one of {', '.join(PRECISIONS)}")
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        name = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    else:
        name = device
    if name.startswith("cuda"):
        count = torch.cuda.device_count() if has_cuda else 0
        if int(name.partition(":")[2] or 0) >= count:
            raise InputError(f"device '{device}' asked for, this machine has {count} CUDA devices", "use --device cpu")
        major, minor = torch.cuda.get_device_capability(name)
        best, reason = ("bf16" if major >= 8 else "fp16"), f"CUDA SM {major}.{minor}"
    elif name == "mps":
        if not has_mps:
            raise InputError("device 'mps' asked for, this machine has none", "use --device cpu")
        best, reason = "fp32", "Apple GPU"
    else:
        best, reason = "fp32", "no CUDA or Apple GPU" if device == "auto" else "asked for"
    if precision == "fp16" and name == "cpu":
        raise InputError("precision 'fp16' is not supported on the CPU", "use --precision bf16 or fp32")
    return Device(name, best if precision == "auto" else precision, reason)


def available_threads() -> int:
    """CPU cores that this process may use (affinity and container limits count)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def empty_cache(device: Device) -> None:
    """Gives cached accelerator memory back between phases; nothing on the CPU."""
    import torch

    if device.name.startswith("cuda"):
        torch.cuda.empty_cache()
