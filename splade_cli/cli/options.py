"""Options that several commands share: same flag, same meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from splade_cli.search.queries import Attach

Documents = Annotated[
    Path, typer.Argument(help="A file or folder of .md .rst .txt .html .json .jsonl .csv .tsv .pdf", show_default=False)
]
Model = Annotated[str, typer.Option("--model", "-m", help="'tiny' (in this package), a model folder, or a hub id.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Device = Annotated[str, typer.Option("--device", envvar="SPLADE_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, typer.Option("--precision", help="auto, fp32, bf16, fp16, or int8 (CPU).")]
BatchSize = Annotated[int, typer.Option("--batch-size", help="Texts encoded at a time, at most.")]
MaxLength = Annotated[
    int | None, typer.Option("--max-length", help="Tokens read of a text.", show_default="the model's limit")
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run Python code that the model's repository brings.")
]
AllowPickle = Annotated[bool, typer.Option("--allow-pickle", help="Read weights that are not safetensors.")]
ChunkSize = Annotated[int, typer.Option("--chunk-size", help="Characters wished for in a chunk.")]
ChunkMin = Annotated[
    int, typer.Option("--chunk-min", help="Characters in a chunk at least; short documents stay whole.")
]
ChunkMax = Annotated[int, typer.Option("--chunk-max", help="Characters in a chunk at most.")]
Overlap = Annotated[
    float, typer.Option("--overlap", help="Share of a chunk that the next one repeats, 0.1 to 0.2 or 0.")
]
Workers = Annotated[int, typer.Option("--workers", help="Encoding processes; on CUDA each takes a GPU in turn.")]
Query = Annotated[
    str,
    typer.Option(
        "--query", help="How queries are encoded: full (by the model), static (token weights), onnx or onnx-int8."
    ),
]
FastQuery = Annotated[bool, typer.Option("--fast-query", help="The same as --query onnx.")]


def query_encoder(name: str, fast: bool = False) -> Attach | None:
    """What --query and --fast-query ask for; None is the model itself. Raises InputError for another name."""
    from functools import partial

    from splade_cli.errors import InputError

    known = ("full", "static", "onnx", "onnx-int8")
    if name not in known:
        raise InputError(f"unknown --query '{name}'", f"one of {', '.join(known)}")
    if fast and name == "full":
        name = "onnx"
    if name == "full":
        return None
    if name == "static":
        from splade_cli.search.queries import attach_static

        return attach_static
    from splade_cli.deploy.onnx import attach_onnx

    return partial(attach_onnx, int8=name == "onnx-int8")


def chunking(size: int, smallest: int, largest: int, overlap: float) -> dict[str, Any]:
    """Chunk options as `corpus.chunks.split_document` names them."""
    return {"target_chars": size, "min_chars": smallest, "max_chars": largest, "overlap": overlap}


def positive(**sizes: float | None) -> None:
    """Raises InputError for the first size that is given and not above 0."""
    from splade_cli.errors import require_positive

    require_positive(**{name: value for name, value in sizes.items() if value is not None})
