"""Jupyter notebooks: the text cells as Markdown, the code cells as code; outputs are left out."""

from __future__ import annotations

import json
from typing import Any

from splade_cli.corpus.formats.markdown.reader import read_markdown
from splade_cli.corpus.formats.prose import Prose, Unreadable, fenced, squeezed


def read_notebook(source: str) -> Prose:
    """Text and title of a notebook of the formats 3 and 4. Raises Unreadable where it is none."""
    try:
        notebook = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"broken notebook ({error})") from None
    cells = _cells(notebook)
    language = _language(notebook)
    blocks = []
    title = ""
    for cell in cells:
        text = _source_of(cell)
        kind = cell.get("cell_type")
        if kind == "code" and text.strip():
            blocks.append(fenced(text, language))
        elif kind == "heading":
            level = cell.get("level", 1)
            blocks.append(f"{'#' * (level if level in range(1, 7) else 1)} {' '.join(text.split())}")
            title = title or " ".join(text.split())
        elif kind == "markdown":
            prose = read_markdown(text)
            blocks.append(prose.text)
            title = title or prose.title
        elif text.strip():
            blocks.append(text)
    return Prose(squeezed("\n\n".join(blocks)), title)


def _cells(notebook: Any) -> list[dict[str, Any]]:
    if not isinstance(notebook, dict):
        raise Unreadable("no notebook (no cells in it)")
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in sheet.get("cells") or []]
    if not isinstance(cells, list):
        raise Unreadable("no notebook (no cells in it)")
    return [cell for cell in cells if isinstance(cell, dict)]


def _source_of(cell: dict[str, Any]) -> str:
    """What a cell says: a text, or a list of its lines; in format 3 that of code stands under ``input``."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        told = metadata.get(key)
        if isinstance(told, dict) and isinstance(told.get(name), str):
            return str(told[name]).split()[0][:20] if told[name].split() else ""
    return ""
