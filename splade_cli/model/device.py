"""The device and precision to compute in, with the reason; and the threads and memory of a process."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.cores import available_threads
from splade_cli.errors import InputError, OptionError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8", "bf16+int8")


class Device(NamedTuple):
    """A device: `name` as torch spells it, `precision` one of `PRECISIONS`, and the reason for it.

    int8 is the decoder's product for documents alone, under a float32 body or, in bf16+int8, one of bfloat16.
    On the CPU queries are float32 in any precision.
    """

    name: str
    precision: str
    reason: str

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of activations under autocast; weights stay float32."""
        import torch

        dtypes = {"bf16": torch.bfloat16, "bf16+int8": torch.bfloat16, "fp16": torch.float16}
        return dtypes.get(self.precision, torch.float32)

    @property
    def kind(self) -> str:
        """cpu, cuda or mps."""
        return self.name.partition(":")[0]

    @property
    def has_int8(self) -> bool:
        """Whether the decoder's product for documents is int8."""
        return self.precision.endswith("int8")

    def autocast(self, kind: str = "document") -> torch.autocast:
        """The context in which texts of a kind, ``document`` or ``query``, are encoded."""
        import torch

        is_low = self.torch_dtype != torch.float32 and (kind == "document" or self.kind != "cpu")
        return torch.autocast(self.kind, dtype=self.torch_dtype, enabled=is_low)


def require_known(device: str, precision: str) -> None:
    """Raises InputError for a name that no device or precision has, on whatever machine."""
    if re.fullmatch(rf"{'|'.join(DEVICES)}|cuda:\d+", device) is None:
        raise OptionError(f"unknown device '{device}'", f"one of {', '.join(DEVICES)}, or cuda:N")
    if precision not in PRECISIONS:
        raise OptionError(f"unknown precision '{precision}'", f"one of {', '.join(PRECISIONS)}")


def choose_device(device: str = "auto", precision: str = "auto") -> Device:
    """The device to use: what was asked for, else CUDA, else MPS, else CPU.

    Args:
        device: auto, cpu, mps, cuda or cuda:N.
        precision: one of `PRECISIONS`. auto is bf16 on CUDA from compute capability 8.0, fp16 on older CUDA,
            and fp32 elsewhere; `splade.automatic_precision.settle_precision` may then choose a lower one for
            a corpus.

    Raises:
        InputError: an unknown name, or a device that this machine does not have.
    """
    import torch

    require_known(device, precision)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    name = _first_device(count, has_mps) if device == "auto" else device
    best = "fp32"
    reason = "asked for"
    if name.startswith("cuda"):
        if int(name.partition(":")[2] or 0) >= count:
            raise InputError(
                f"device '{device}' asked for, this machine has {count} CUDA devices",
                "name another device, such as cpu",
            )
        major, minor = torch.cuda.get_device_capability(name)
        best = "bf16" if major >= 8 else "fp16"
        reason = f"CUDA SM {major}.{minor}"
    elif name == "mps":
        if not has_mps:
            raise InputError(
                "device 'mps' asked for, this machine has none", "name another device, such as cpu"
            )
        reason = "Apple GPU"
    elif device == "auto":
        reason = "no CUDA or Apple GPU"
    if precision == "fp16" and name == "cpu":
        raise InputError("precision 'fp16' is not supported on the CPU", "bf16 or fp32 are")
    if precision.endswith("int8") and name != "cpu":
        raise InputError(
            f"precision '{precision}' is for the CPU, not for {name}", "leave the precision to be chosen"
        )
    return Device(name, best if precision == "auto" else precision, reason)


def _first_device(cuda_devices: int, has_mps: bool) -> str:
    if cuda_devices:
        return "cuda"
    return "mps" if has_mps else "cpu"


def fit_threads() -> None:
    """Keeps torch from starting more threads than `available_threads`; a smaller number stays."""
    import torch

    if torch.get_num_threads() > available_threads():
        torch.set_num_threads(available_threads())


def threads() -> tuple[int, str]:
    """How many threads torch computes with on the CPU, and why."""
    import torch

    fit_threads()
    count = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if os.environ.get(name) == str(count):
            return count, f"{name} asks for it"
    if count == available_threads():
        return count, "the cores that this process may use; OMP_NUM_THREADS takes fewer"
    return count, "what torch found of real cores; OMP_NUM_THREADS says otherwise"


def empty_cache(device: Device) -> None:
    """Gives free memory back to the system: the accelerator's cache, and glibc's heap on Linux."""
    if device.name.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
    else:
        trim_heap()


def trim_heap() -> None:
    """Gives what glibc's heap holds and nobody uses back to the system, on Linux."""
    if sys.platform == "linux" and hasattr(heap := ctypes.CDLL(None), "malloc_trim"):
        heap.malloc_trim(0)
