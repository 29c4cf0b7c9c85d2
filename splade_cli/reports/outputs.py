"""Files of reports: which form the ending of a name stands for, and what may be replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.reports.html import html
from splade_cli.reports.markdown import markdown
from splade_cli.reports.page import GENERATOR, Page
from splade_cli.storage.files import replacing, write_json
from splade_cli.storage.outputs import output_file

JSON = ".json"
RENDERED: dict[str, Callable[[Page], str]] = {
    ".html": html,
    ".htm": html,
    ".md": markdown,
    ".markdown": markdown,
}
LOOKED_AT = 4096
"""Bytes in which a report says that it is one."""


def is_rendered(path: Path) -> bool:
    """Whether a report in this file is a page for people, and not JSON."""
    return path.suffix.lower() in RENDERED


def require_report_file(path: Path) -> None:
    """Raises InputError where no report can be written: by its ending, or for what is there.

    An earlier report is replaced; another page, such as a README.md, is not.
    """
    ending = path.suffix.lower()
    if ending not in (*RENDERED, JSON):
        raise InputError(
            f"a report ends in .html, .md or .json, not as {path.name} does", f"e.g. {path.stem}.html"
        )
    real = output_file(path)
    if ending == JSON or not real.is_file():
        return
    with open(real, "rb") as file:
        beginning = file.read(LOOKED_AT)
    if beginning and GENERATOR.encode() not in beginning:
        raise InputError(
            f"{path} exists and is not a report: it is not replaced", "name another file, or remove it"
        )


def write_page(path: Path, page: Page) -> None:
    """Writes a report as the ending of its name says; a reader never sees half of it.

    Raises:
        InputError: as `require_report_file`.
    """
    require_report_file(path)
    if not is_rendered(path):
        write_json(path, page.to_json(), alone=True)
        return
    written = RENDERED[path.suffix.lower()](page)
    with replacing(path, alone=True) as temporary:
        temporary.write_text(written, encoding="utf-8")
