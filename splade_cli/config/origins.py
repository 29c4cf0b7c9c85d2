"""Sources of settings by the names that messages give them, and what a mistake in each of them is."""

from __future__ import annotations

from splade_cli.errors import InputError, OptionError

PRESET = "preset "
"""What stands before the name of a preset."""
FLAG = "flag"
SETTING = "setting"


def error_of(*origins: str) -> type[InputError]:
    """The error for values from there: those of a command line and of presets are wrong by themselves."""
    if all(origin in (FLAG, SETTING) or origin.startswith(PRESET) for origin in origins):
        return OptionError
    return InputError
