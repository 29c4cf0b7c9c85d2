"""Options of queries to train on: whose they are, or how many are written, of which kinds, and which stay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Qrels = Annotated[
    str | None,
    typer.Option(
        "--qrels",
        help="DOCUMENTS is a BEIR folder: take its queries of this split, e.g. train, and write none.",
    ),
]
Queries = Annotated[
    Path | None,
    typer.Option(
        "--queries", help="Rows of query and positive_document: take these queries, and write none."
    ),
]
Around = Annotated[
    Path | None,
    typer.Option(
        "--for",
        help="Lost queries of `splade evaluate --failures`: write about their documents alone.",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Language of the queries.",
        show_default="that of the documents",
        rich_help_panel="Queries",
    ),
]
QueriesPerChunk = Annotated[
    int | None,
    typer.Option(
        "--queries-per-chunk",
        help="Queries a chunk.",
        show_default="4, 2 with --llm",
        rich_help_panel="Queries",
    ),
]
MaxQueries = Annotated[
    int,
    typer.Option(
        "--max-queries",
        min=0,
        help="Queries written at most, of chunks spread evenly over the documents; 0 for all.",
        rich_help_panel="Queries",
    ),
]
Kinds = Annotated[
    str | None,
    typer.Option(
        "--kinds",
        help="Kinds of queries, in parts: question=3,keywords=2,typo=1. Others: how-to, error-message; "
        "natural and claim with --llm; title, span, sentence and aspect (a title, and what tells its "
        "document from others of that title) without.",
        show_default="the usual ones",
        rich_help_panel="Queries",
    ),
]
RoundTrip = Annotated[
    int,
    typer.Option(
        "--round-trip",
        help="A query is kept if its chunk is among the first N results.",
        rich_help_panel="Queries",
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        help="Switch a filter off: duplicate, copy, round-trip or ceiling; may be given again.",
        show_default="all are on",
        rich_help_panel="Queries",
    ),
]
MaxDocuments = Annotated[
    int | None, typer.Option("--max-documents", help="Read only the first N.", rich_help_panel="Queries")
]
