"""Usage errors: what is wrong with a command line by itself, told as all errors are, with exit code 2."""

from __future__ import annotations

from typing import Any

import typer

from splade_cli.cli.render.plain import plain
from splade_cli.errors import OptionError

CODE = 2


class UsageError(OptionError):
    """Flags that are missing, contradict each other, or take no such value."""


def told(error: typer.TyperException) -> tuple[str, str] | None:
    """Message and hint of what typer could not parse; None for what is none, such as a request for help."""
    if getattr(error, "exit_code", 0) != CODE or type(error).__name__ == "NoArgsIsHelpError":
        return None
    format_message: Any = getattr(error, "format_message", None)
    if format_message is None:
        return None
    message = plain(str(format_message())).strip()
    if not message.endswith("?"):
        message = message.rstrip(".")
    return message[:1].lower() + message[1:], f"{_command(getattr(error, 'ctx', None))} --help"


def _command(context: Any) -> str:
    """The command that was typed, as it is typed."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(["splade", *names])
