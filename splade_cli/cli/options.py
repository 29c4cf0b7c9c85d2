"""Options that several commands share: same flag, same meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Documents = Annotated[
    Path, typer.Argument(help="A file or folder of .md .rst .txt .html .json .jsonl .csv .tsv .pdf", show_default=False)
]
Model = Annotated[str, typer.Option("--model", "-m", help="'tiny' (in this package), a model folder, or a hub id.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Device = Annotated[str, typer.Option("--device", envvar="SPLADE_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, typer.Option("--precision", help="auto, fp32, bf16 or fp16.")]
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


def chunking(size: int, smallest: int, largest: int, overlap: float) -> dict[str, Any]:
    """Chunk options as `corpus.chunks.split_document` names them."""
    return {"target_chars": size, "min_chars": smallest, "max_chars": largest, "overlap": overlap}


def positive(**sizes: float | None) -> None:
    """Raises InputError for the first size that is given and not above 0."""
    from splade_cli.errors import require_positive

    require_positive(**{name: value for name, value in sizes.items() if value is not None})
