"""The commands by name. The file of one is imported when it is run, or when its help is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

HOMES = {
    "demo": "demo:demo",
    "build": "build:build",
    "gen-data": "gen_data:gen_data",
    "inspect": "reports.inspect:inspect",
    "train": "train:train",
    "evaluate": "evaluate:evaluate",
    "compare": "reports.compare:compare",
    "index": "index:app",
    "search": "search:search",
    "query": "query:query",
    "terms": "reports.terms:terms",
    "tune": "reports.tune:tune",
    "serve": "serve:serve",
    "mcp": "serving.mcp:mcp",
    "export": "export:export",
    "push": "push:push",
    "doctor": "reports.doctor:doctor",
    "help": "help:show_help",
}
"""File below `cli.commands` and name in it: a function, or a `typer.Typer` that holds several."""


PANELS = {
    "All of it": ("demo", "build"),
    "Make a model": ("gen-data", "inspect", "train", "evaluate", "compare"),
    "Search": ("index", "search", "query", "terms", "tune", "serve", "mcp"),
    "Pass on": ("export", "push"),
    "Help": ("doctor", "help"),
}
"""The commands under headings, in the order of the path."""


class CommandTable(MutableMapping[str, Any]):
    """Commands by name, in the order of `HOMES`, each built when it is first looked up."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _built(name, _found(name))
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(HOMES)

    def __len__(self) -> int:
        return len(HOMES)


def listed() -> dict[str, Any]:
    """The commands as a list of all shows them: names and help, without their options."""
    commands = {}
    for panel, names in PANELS.items():
        for name in names:
            commands[name] = TyperCommand(name, help=_help_of(_found(name)), rich_help_panel=panel)
    return commands


def _found(name: str) -> Any:
    file, _, attribute = HOMES[name].partition(":")
    return getattr(import_module(f"splade_cli.cli.commands.{file}"), attribute)


def _built(name: str, home: Any) -> Any:
    program = home
    if not isinstance(home, typer.Typer):
        program = typer.Typer(add_completion=False)
        program.command(name)(home)
    command = get_command(program)
    command.name = name
    _give_examples(command, name)
    return command


def _give_examples(command: Any, name: str) -> None:
    """Puts the examples of a command, and of those inside a group, below its help."""
    from splade_cli.cli.examples import epilog

    shown = (epilog(name), command.epilog)
    command.epilog = "\n\n".join(filter(None, shown))
    for inner, each in getattr(command, "commands", {}).items():
        _give_examples(each, name if inner == "build" else f"{name} {inner}")


def _help_of(home: Any) -> str:
    if isinstance(home, typer.Typer):
        return str(home.info.help)
    return inspect.cleandoc(home.__doc__)
