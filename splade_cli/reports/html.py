"""Rendering of a report as one HTML file: no address outside it, its style, script and data inside.

What came out of documents and queries is escaped in the text, and in the data that the script reads. The only
script that may run is the page's own, which its policy names by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from splade_cli.reports.page import GENERATOR, Page
from splade_cli.reports.side_by_side import QUERIES
from splade_cli.reports.svg import svg
from splade_cli.reports.table import Table

if TYPE_CHECKING:
    from jinja2 import Template

_NEGATIVE = re.compile(r"(?<![^\s(\[])-(?=\d)")
SEARCHED = 12
"""Rows from which on a table has a field to search it."""


def html(page: Page) -> str:
    """The page as an HTML document."""
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    plots = [(f"plot{number}", plot, svg(plot, f"plot{number}")) for number, plot in enumerate(page.plots)]
    return _template().render(
        page=page,
        plots=plots,
        generator=GENERATOR,
        style=_asset("page.css"),
        script=script,
        digest=digest,
        data=None if page.hits is None else _json_in_html(page.hits.to_json()),
        searched=SEARCHED,
        cells=_cells,
        queries=QUERIES,
    )


def _with_minus(text: str) -> str:
    """Hyphens before figures as minus signs, which are as wide as a plus."""
    return _NEGATIVE.sub("−", text)


def _cells(table: Table) -> list[list[tuple[str, str, bool]]]:
    """Rows of (text, what it sorts by, whether it is a number)."""
    rows = []
    for row, texts in zip(table.rows, table.texts(), strict=True):
        cells = []
        for cell, text in zip(row, texts, strict=True):
            is_number = isinstance(cell, int | float)
            cells.append((_with_minus(text) if is_number else text, str(cell), is_number))
        rows.append(cells)
    return rows


def _json_in_html(value: object) -> str:
    """JSON that no HTML parser takes for the end of its element, whatever texts it holds."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["minus"] = _with_minus
    return environment.from_string(_asset("page.html.jinja"))


def _asset(name: str) -> str:
    return (files("splade_cli.reports") / "assets" / name).read_text(encoding="utf-8")
