"""Options of what is written, or only said: reports, JSON, whether what is there is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a report: .html is a page to read, .md Markdown, .json its figures.",
        show_default=False,
    ),
]
