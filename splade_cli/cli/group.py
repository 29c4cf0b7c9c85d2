"""A group of commands whose options are checked without pydantic, which --help has no use for.

typer checks a flag that is None with pydantic; its own are None where they are not given.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

COMPLETION = ("install_completion", "show_completion")


class Group(TyperGroup):
    """A group whose --help and completion flags are false where they are not given, and not None."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters; typer adds those of completion after a group has been made."""
        parameters: list[Any] = super().get_params(ctx)
        for parameter in parameters:
            if parameter.name in COMPLETION:
                parameter.default = False
        return parameters

    def get_help_option(self, ctx: Any) -> Any:
        """The option, made once."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option
