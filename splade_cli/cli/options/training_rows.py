"""Options of training rows: their negatives and teacher, the split, the format and the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the training files.")]
OutputFormat = Annotated[
    str,
    typer.Option(
        "--output-format", help="Of the training files: json (also called splade), jsonl, csv, tsv."
    ),
]
MiningModel = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Sparse model that mines beside BM25, or 'none'.",
        rich_help_panel="Mining and split",
    ),
]
Teacher = Annotated[
    str,
    typer.Option(
        "--teacher",
        help="Dense model that mines and scores beside BM25, or 'none'; auto: all-MiniLM-L6-v2 where it "
        "is on this machine and the documents are English.",
        rich_help_panel="Mining and split",
    ),
]
Negatives = Annotated[
    int,
    typer.Option("--negatives", help="Hard negatives a query at most.", rich_help_panel="Mining and split"),
]
ValRatio = Annotated[
    float,
    typer.Option(
        "--val-ratio",
        help="Share held out for validation; a dev or val split beside --qrels wins.",
        rich_help_panel="Mining and split",
    ),
]
TestRatio = Annotated[
    float,
    typer.Option(
        "--test-ratio",
        help="Share held out for a test side; a test split beside --qrels wins.",
        show_default="none is written",
        rich_help_panel="Mining and split",
    ),
]
ChunkFor = Annotated[
    str,
    typer.Option(
        "--chunk-for",
        help="The model to be trained: chunks are no longer than it reads.",
        rich_help_panel="Chunks",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same files.")]
