"""A group of commands whose options are checked without pydantic, which --help has no use for."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class Group(TyperGroup):
    """A group whose --help is false where it is not given, and not None: typer checks None with pydantic."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option, made once."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option
