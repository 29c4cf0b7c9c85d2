"""Reference pages of the commands: usage, arguments and options, read from the program that parses them.

A page is made when the site is built, so that it cannot say other than ``--help``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DEFAULT_OF_A_GROUP = "build"
"""The command of a group that runs where none is named: `splade index DOCS`."""


def command_pages() -> dict[str, str]:
    """Markdown of each command by its address in the site, with a page that lists them."""
    import typer.main

    from splade_cli.cli.main import app

    program: Any = typer.main.get_command(app)
    commands = {name: command for name, command in program.commands.items() if not command.hidden}
    pages = {"commands.md": _list_of(program, commands)}
    for name, command in commands.items():
        pages[f"commands/{name}.md"] = "\n".join(_page(name, command)) + "\n"
    return pages


def _list_of(program: Any, commands: dict[str, Any]) -> str:
    lines = [
        "# Commands",
        "",
        "In the order of the path. `splade COMMAND --help` says the same in the terminal; words in capitals "
        "stand for your own.",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    for name, command in commands.items():
        lines.append(f"| [`splade {name}`](commands/{name}.md) | {_cell(_first(command.help))} |")
    lines += ["", "## Options of the program", "", *_table(program, "splade", program.params)]
    return "\n".join(lines) + "\n"


def _page(name: str, command: Any) -> Iterator[str]:
    """A command; of a group, first the one that runs unnamed, then each of the others."""
    inner = getattr(command, "commands", {})
    yield f"# splade {name}"
    yield ""
    if not inner:
        yield from _described(f"splade {name}", command, "##")
        return
    yield command.help.strip()
    yield ""
    for word, one in inner.items():
        if one.hidden and word != DEFAULT_OF_A_GROUP:
            continue
        full = f"splade {name}" if word == DEFAULT_OF_A_GROUP else f"splade {name} {word}"
        yield f"## {full}"
        yield ""
        yield from _described(full, one, "###")


def _described(full: str, command: Any, level: str) -> Iterator[str]:
    """Help, usage, and a table for each panel of options."""
    yield from _paragraphs(command.help)
    context = command.context_class(command, info_name=full)
    words = " ".join(command.collect_usage_pieces(context)).upper()
    yield "```text"
    yield f"{full} {re.sub('[{}]', '', words)}"
    yield "```"
    yield ""
    if command.epilog:
        yield from _epilog(command.epilog)
    panels: dict[str, list[Any]] = {}
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
        panels.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(parameter)
    for title, parameters in panels.items():
        yield f"{level} {title}"
        yield ""
        yield from _table(command, full, parameters)


def _table(command: Any, full: str, parameters: list[Any]) -> Iterator[str]:
    """A row a parameter: how it is written, what it does, and what holds without it."""
    context = command.context_class(command, info_name=full)
    yield "| | meaning | default |"
    yield "|---|---|---|"
    for parameter in parameters:
        row = parameter.get_help_record(context)
        if row is None:
            continue
        written, said = row
        meaning, _, remark = said.partition("  [")
        default = remark.removesuffix("]").replace("default: ", "")
        yield f"| {_in_code(written)} | {_cell(meaning)} | {_cell(default)} |"
    yield ""


def _epilog(text: str) -> Iterator[str]:
    """The examples below a command's options: a block of commands, and what stands around them."""
    yield "**Examples**"
    yield ""
    yield "```text"
    yield text.strip("\n")
    yield "```"
    yield ""


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n|\f", text.strip()):
        yield paragraph.strip()
        yield ""


def _first(text: str) -> str:
    return text.strip().split("\n\n")[0].replace("\n", " ")


def _cell(text: str) -> str:
    """Help as a cell of a table: spaces joined, and nothing in it taken for markup."""
    joined = re.sub(r"\s+", " ", text).strip()
    parts = re.split(r"(`[^`]*`)", joined)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts).replace("|", "\\|")


def _in_code(written: str) -> str:
    """A parameter as code, each word of its own so that a narrow column can break between them."""
    return " ".join(f"`{word}`" for word in re.findall(r"<.*?>|\S+", written.replace("|", "\\|")))


def _escaped(text: str) -> str:
    return re.sub(r"([*_<>\[\]])", r"\\\1", text)
