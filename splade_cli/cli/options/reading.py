"""Options of reading a folder of documents and of cutting them into chunks."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

MaxFileSize = Annotated[
    float,
    typer.Option(
        "--max-file-size",
        help="Skip larger files, and longer lines of JSONL.",
        metavar="MB",
        rich_help_panel="Reading files",
    ),
]
MaxFileSeconds = Annotated[
    float,
    typer.Option(
        "--max-file-seconds",
        help="Skip files that take longer to read.",
        metavar="S",
        rich_help_panel="Reading files",
    ),
]
ShowSkipped = Annotated[
    bool,
    typer.Option(
        "--show-skipped",
        "--list-skipped",
        help="Name every file that was skipped.",
        rich_help_panel="Reading files",
    ),
]
FollowLinks = Annotated[
    bool,
    typer.Option(
        "--follow-links",
        help="Read what links lead to outside of the folder as well.",
        rich_help_panel="Reading files",
    ),
]
Extensions = Annotated[
    str | None,
    typer.Option(
        "--extensions",
        help="Read only such files of a folder: .md,.txt",
        show_default="all",
        rich_help_panel="Reading files",
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        help="Read only what this pattern fits: 'guide/'; may be repeated.",
        show_default="all",
        rich_help_panel="Reading files",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        help="Leave out what this pattern fits: 'drafts/'; may be repeated.",
        show_default="none",
        rich_help_panel="Reading files",
    ),
]
Ignored = Annotated[
    bool,
    typer.Option(
        "--ignored", help="Read what .gitignore files name as well.", rich_help_panel="Reading files"
    ),
]
ChunkTokens = Annotated[
    int | None,
    typer.Option(
        "--chunk-tokens",
        help="Tokens wished for in a chunk, half as many at least; never more than the model reads.",
        show_default="200",
        rich_help_panel="Chunks",
    ),
]
KeepDuplicates = Annotated[
    bool,
    typer.Option(
        "--keep-duplicates",
        help="Read one text in each of its formats, guide.md and guide.pdf alike.",
        rich_help_panel="Reading files",
    ),
]
ChunkSize = Annotated[
    int | None,
    typer.Option(
        "--chunk-size",
        help="Characters wished for in a chunk, in place of tokens.",
        show_default="1000 where sizes are characters",
        rich_help_panel="Chunks",
    ),
]
ChunkMin = Annotated[
    int | None,
    typer.Option(
        "--chunk-min",
        help="Characters in a chunk at least; short documents stay whole.",
        show_default="500 where sizes are characters",
        rich_help_panel="Chunks",
    ),
]
ChunkMax = Annotated[
    int | None,
    typer.Option(
        "--chunk-max",
        help="Characters in a chunk at most.",
        show_default="2000 where sizes are characters",
        rich_help_panel="Chunks",
    ),
]
Chunker = Annotated[
    Literal["structure", "fixed", "sentence", "semantic"],
    typer.Option(
        "--chunker",
        help="Cut between sections and paragraphs, at fixed sizes, between sentences, or between those that "
        "are least alike to the model.",
        rich_help_panel="Chunks",
    ),
]
Overlap = Annotated[
    float,
    typer.Option(
        "--overlap",
        help="Share of a chunk that the next one repeats, 0.1 to 0.2 or 0.",
        rich_help_panel="Chunks",
    ),
]
