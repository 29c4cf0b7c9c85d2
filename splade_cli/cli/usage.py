"""Usage errors: what is wrong with a command line by itself, told as all errors are, with exit code 2."""

from __future__ import annotations

from typing import Any

import typer

from splade_cli.cli.render.plain import plain
from splade_cli.errors import OptionError, in_plain_words

CODE = 2
"""Exit code of a command line that is wrong by itself, as typer has it."""


class UsageError(OptionError):
    """Flags that are missing, contradict each other, or take no such value."""


def told(error: typer.TyperException) -> tuple[str, str] | None:
    """Message and hint of what typer could not parse; None for what is none, such as a request for help."""
    if getattr(error, "exit_code", 0) != CODE or asks_for_help(error):
        return None
    format_message: Any = getattr(error, "format_message", None)
    if format_message is None:
        return None
    message = in_plain_words(plain(str(format_message())).strip())
    if not message.endswith("?"):
        message = message.rstrip(".")
    message = message[:1].lower() + message[1:] + _given(error, message)
    return message, f"{_command(getattr(error, 'ctx', None))} --help"


def hint_with_flag(hint: str, option: str) -> str:
    """The hint of an error, with the flag of the option that it speaks of: ``top`` is ``--top``."""
    if not option:
        return hint
    return f"{hint} (--{option.replace('_', '-')})"


def _given(error: typer.TyperException, message: str) -> str:
    """The value that an option does not take, where the message does not name it."""
    errors: Any = getattr(error.__cause__, "errors", None)
    if errors is None:
        return ""
    value = repr(errors(include_url=False, include_context=False)[0]["input"])
    return "" if value in message else f", got {value}"


def asks_for_help(error: typer.TyperException) -> bool:
    """Whether it stands for a command line without a word, which has been answered by the help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _command(context: Any) -> str:
    """The command that was typed, as it is typed."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(["splade", *names])
