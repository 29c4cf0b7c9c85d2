"""Reference pages of the Python interface: every public name of the package, from its docstring.

The names are those of the public door, so that one that is added there has its place here.
"""

from __future__ import annotations

from collections.abc import Iterable

TITLES = {
    "search": "Searching",
    "index": "The index and its filters",
    "indexing": "Indexing documents",
    "engines": "Engines",
    "model": "Models and encoding",
    "generation": "Training data",
    "training": "Training",
    "building": "The whole path",
    "evaluation": "Measuring",
    "deploy": "Exporting and serving",
    "records": "Records",
    "errors": "Errors",
}
"""Folder of the package by the title of its page, in the order of the pages."""


def interface_pages() -> dict[str, str]:
    """Markdown of each page by its address in the site; mkdocstrings fills in what documents a name."""
    from splade_cli import _HOMES

    pages: dict[str, list[str]] = {}
    for name, home in sorted(_HOMES.items()):
        pages.setdefault(home.partition(".")[0], []).append(f"splade_cli.{home}.{name}")
    order = [folder for folder in TITLES if folder in pages]
    order += sorted(pages.keys() - TITLES.keys())
    made = {"api.md": _list_of({folder: pages[folder] for folder in order})}
    for folder in order:
        made[f"api/{folder}.md"] = _page(title(folder), pages[folder])
    return made


def title(folder: str) -> str:
    """What a page of the interface is called."""
    return TITLES.get(folder, folder.capitalize())


def _list_of(pages: dict[str, list[str]]) -> str:
    lines = [
        "# Python interface",
        "",
        "Each of these names is imported from `splade_cli`, as in `from splade_cli import Searcher`. What a "
        "command does, one of them does too: the command line only parses, calls and prints.",
        "",
    ]
    for folder, names in pages.items():
        linked = ", ".join(f"[`{path.rpartition('.')[2]}`][{path}]" for path in names)
        lines.append(f"- [{title(folder)}](api/{folder}.md): {linked}")
    return "\n".join(lines) + "\n"


def _page(heading: str, names: Iterable[str]) -> str:
    lines = [f"# {heading}", ""]
    for name in names:
        lines += [f"::: {name}", ""]
    return "\n".join(lines)
