"""Options of how models are opened and run: device, precision, lengths, batches, processes, trust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[
    str,
    typer.Option(
        "--device", envvar="SPLADE_DEVICE", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel="Machine"
    ),
]
Precision = Annotated[
    str,
    typer.Option("--precision", help="auto, fp32, bf16, fp16, int8, bf16+int8.", rich_help_panel="Machine"),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", help="Texts encoded at a time, at most.", rich_help_panel="Machine")
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        help="Tokens read of a text.",
        show_default="the model's limit",
        rich_help_panel="Machine",
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run Python code that the model's repository brings.",
        rich_help_panel="Machine",
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option("--allow-pickle", help="Read weights that are not safetensors.", rich_help_panel="Machine"),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Folder that keeps what is encoded: `evaluate` and `index` of the same documents read it again.",
        show_default="kept until done",
        rich_help_panel="Machine",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", help="Encoding processes; on CUDA each takes a GPU in turn.", rich_help_panel="Machine"
    ),
]
