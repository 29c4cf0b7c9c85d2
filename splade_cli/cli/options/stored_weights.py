"""Options of what an index stores of a vector: how many terms, and in how many bits."""

from __future__ import annotations

from typing import Annotated

import typer

PruneTerms = Annotated[
    int | None,
    typer.Option(
        help="Store the N largest terms of a chunk only; scores and reasons are those of what is stored.",
        metavar="N",
        show_default="all",
    ),
]
PruneMass = Annotated[
    float | None,
    typer.Option(
        help="Store only the largest terms that make up this share of a chunk's weight, e.g. 0.9.",
        metavar="S",
        show_default="all",
    ),
]
Impacts = Annotated[
    int | None,
    typer.Option(
        help="Bits of a stored weight, 8 or 16, all of one step.", metavar="8|16", show_default="float32"
    ),
]
