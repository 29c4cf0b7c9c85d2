"""`splade help`: the help of a command, as --help of it shows."""

from __future__ import annotations

from typing import Annotated

import typer


def show_help(
    context: typer.Context,
    command: Annotated[list[str] | None, typer.Argument(help="Such as search, or index add.")] = None,
) -> None:
    """The help of a command."""
    context.find_root().command.main([*(command or ()), "--help"], prog_name="splade")
