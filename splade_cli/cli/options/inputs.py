"""Options of what is read: documents, a model, an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DOCUMENTS = "name a file or a folder of documents"
Documents = Annotated[
    Path,
    typer.Argument(help="A file or folder: texts, web pages, PDF, tables, code ...", show_default=False),
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="'tiny' (in this package), a model folder, or a hub id.")
]
Index = Annotated[
    Path | None,
    typer.Option(
        "--index",
        "-i",
        envvar="SPLADE_INDEX",
        help="Index folder of `splade index`.",
        show_default=False,
    ),
]
RequiredIndex = Annotated[
    Path,
    typer.Option("--index", "-i", envvar="SPLADE_INDEX", help="Index folder of `splade index`."),
]
