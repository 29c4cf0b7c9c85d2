"""What computes on this machine: device, threads, kernels of matrix products, loops over postings, model."""

from __future__ import annotations

from splade_cli.cores import available_threads
from splade_cli.doctor.findings import Finding
from splade_cli.errors import SpladeError

PROBE = "how do I reset a password?"


def torch_findings() -> list[Finding]:
    """torch, the device that would be taken, and its threads; torch that cannot be imported is all of it."""
    try:
        import torch
    except (ImportError, OSError) as error:
        said = f"cannot be imported: {str(error).partition(chr(10))[0]}"
        return [Finding("torch", "broken", said, "pip install --force-reinstall torch")]
    from splade_cli.model.device import choose_device, threads

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    found = [Finding("torch", "ok", f"{torch.__version__} ({build})")]
    try:
        device = choose_device()
    except SpladeError as error:
        return [*found, Finding("device", "broken", error.message, error.hint)]
    found.append(Finding("device", "ok", f"{device.name}, {device.precision}: {device.reason}"))
    count, reason = threads()
    found.append(Finding("threads", "ok", f"{count} of {available_threads()} cores: {reason}"))
    return found


def kernel_findings() -> list[Finding]:
    """Each kernel of matrix products: which was chosen, and whether it was compared with the plain one."""
    from splade_cli.model.kernels.dispatch import chosen_kernels

    try:
        kernels = chosen_kernels()
    except SpladeError as error:
        return [Finding("kernels", "broken", error.message, error.hint)]
    return [Finding(f"kernel {one.product}", "ok", f"{one.kernel}: {one.reason}") for one in kernels]


def engine_findings() -> list[Finding]:
    """The compiler of the loops over postings, and where machine code is kept between processes."""
    try:
        import numba
    except (ImportError, OSError) as error:
        said = f"numba cannot be imported: {str(error).partition(chr(10))[0]}"
        return [Finding("engine", "broken", said, "pip install --force-reinstall numba")]
    if numba.config.DISABLE_JIT:
        said = "NUMBA_DISABLE_JIT is set: every loop runs as Python, a hundred times slower"
        return [Finding("engine", "broken", said, "unset NUMBA_DISABLE_JIT")]
    return [Finding("engine", "ok", f"loops compiled by numba {numba.__version__}")]


def model_findings() -> list[Finding]:
    """Whether the model inside this package encodes a query, without torch."""
    from pathlib import Path

    from splade_cli.model.layout import resolve
    from splade_cli.model.options import ModelOptions
    from splade_cli.model.query_encoders.stock_folder import open_stock_folder
    from splade_cli.model.query_encoders.tokenizer import TOKENIZER

    again = "pip install --force-reinstall splade-cli"
    try:
        tokenizer = Path(resolve("tiny")) / TOKENIZER
        opened = open_stock_folder("tiny", ModelOptions(), tokenizer, 64)
        terms = 0 if opened is None else opened.encoder.encode([PROBE]).nnz
    except (SpladeError, OSError) as error:
        return [Finding("model tiny", "broken", str(error), again)]
    if not terms:
        return [Finding("model tiny", "broken", "a query gives no terms", again)]
    return [Finding("model tiny", "ok", f"{terms} terms for '{PROBE}'")]
