"""Pages that are made: each command with all that its help says, each public name, and links of both places."""

from __future__ import annotations

from typing import Any

import pytest
import typer.main

import splade_cli
from splade_cli.cli.main import app
from tools.documentation.commands import command_pages
from tools.documentation.interface import interface_pages
from tools.documentation.links import with_links_of_the_site

PAGES = command_pages()
PROGRAM: Any = typer.main.get_command(app)


@pytest.mark.parametrize("name", list(PROGRAM.commands))
def test_the_page_of_a_command_has_all_of_its_options(name: str) -> None:
    command = PROGRAM.commands[name]
    page = PAGES[f"commands/{name}.md"]
    every = [command, *getattr(command, "commands", {}).values()]
    for one in every:
        for parameter in one.params:
            flags = [*parameter.opts, *parameter.secondary_opts]
            if parameter.param_type_name == "argument":
                context = one.context_class(one, info_name=name)
                flags = parameter.get_help_record(context)[0].replace("|", "\\|").split()[:1]
            missing = [flag for flag in flags if f"`{flag}" not in page]
            assert getattr(parameter, "hidden", False) or not missing, missing
    for inner in getattr(command, "commands", {}):
        assert inner == "build" or f"\n## splade {name} {inner}\n" in page
    assert f"(commands/{name}.md)" in PAGES["commands.md"]


def test_defaults_and_types_stand_in_their_own_columns() -> None:
    page = PAGES["commands/gen-data.md"]
    assert "| `-o,` `--output` `<path>` | Folder for the training files. | required |" in page
    assert "| `--max-queries` `<int range>` |" in page
    assert "| 5000;" in page
    assert "`<structure\\|fixed\\|sentence\\|semantic>`" in PAGES["commands/index.md"], "a bar ends no cell"


def test_every_public_name_has_its_place() -> None:
    pages = interface_pages()
    text = "\n".join(pages.values())
    for name in set(splade_cli.__all__) - {"__version__"}:
        assert f".{name}\n" in text, name
        assert f"[`{name}`]" in pages["api.md"]
    assert all(f"({address})" in pages["api.md"] for address in pages if address != "api.md")


def test_links_are_those_of_the_site() -> None:
    pages = {"BEST_PRACTICES.md": "best-practices.md", "docs/a.md": "a.md", "docs/guides/b.md": "guides/b.md"}

    def put(text: str, source: str = "docs/a.md") -> str:
        return with_links_of_the_site(text, source, pages[source], pages)

    assert put("[x](../BEST_PRACTICES.md#y) [z](guides/b.md)") == "[x](best-practices.md#y) [z](guides/b.md)"
    assert put("[x](../a.md)", "docs/guides/b.md") == "[x](../a.md)"
    assert put("[x](docs/guides/b.md)", "BEST_PRACTICES.md") == "[x](guides/b.md)"
    assert put("[`head.py`](../splade_cli/head.py)") == "`head.py`", "a source file has no page"
    assert put("[x](https://a.b/c.md) [y](#z)") == "[x](https://a.b/c.md) [y](#z)"
    assert put("```\n[x](../BEST_PRACTICES.md)\n```") == "```\n[x](../BEST_PRACTICES.md)\n```"
