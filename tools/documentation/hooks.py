"""What MkDocs calls while it builds the site: pages that are made, pages from elsewhere, links put right.

Sources are ``docs/``, the Markdown files of the repository that `ELSEWHERE` names, the command line and the
docstrings. Run by ``make docs``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tools.documentation.commands import command_pages
from tools.documentation.interface import interface_pages, title
from tools.documentation.links import with_links_of_the_site

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "BEST_PRACTICES.md": "best-practices.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/RESULTS.md": "results.md",
}
"""Pages whose files stand outside of ``docs/``: place in the repository, address in the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made and those from elsewhere."""
    made = {**command_pages(), **interface_pages()}
    for source, address in ELSEWHERE.items():
        made[address] = (ROOT / source).read_text(encoding="utf-8")
    for address, text in made.items():
        files.append(File.generated(config, address, content=text))
    config.nav = _known(config.nav or [], {file.src_uri for file in files})
    return files


def _known(entries: list[Any], addresses: set[str]) -> list[Any]:
    """The navigation without pages that there are not, with a place for each page that is made."""
    kept: list[Any] = []
    for entry in entries:
        ((name, target),) = entry.items()
        if isinstance(target, list):
            below = _known(target, addresses)
            if below:
                kept.append({name: below})
        elif target == "commands.md":
            made = [{f"splade {Path(each).stem}": each} for each in command_pages() if each != target]
            kept.append({name: [target, *made]})
        elif target == "api.md":
            made = [{title(Path(each).stem): each} for each in interface_pages() if each != target]
            kept.append({name: [target, *made]})
        elif target in addresses:
            kept.append({name: target})
    return kept


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the links of a page right."""
    address = page.file.src_uri
    sources = {elsewhere: source for source, elsewhere in ELSEWHERE.items()}
    places = {sources.get(file.src_uri, f"docs/{file.src_uri}"): file.src_uri for file in files}
    places["README.md"] = "index.md"
    return with_links_of_the_site(markdown, sources.get(address, f"docs/{address}"), address, places)


LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(https?:)?//[^>]*>"""
    r"""|<link\b(?![^>]*\brel=["']?(?:canonical|alternate))[^>]*\bhref=["']?(https?:)?//[^>]*>"""
)
"""Elements that make a browser fetch something from another address, which no page of the site may."""


def foreign(page: str) -> list[str]:
    """What a page loads from elsewhere."""
    return [found.group(0) for found in LOADED.finditer(page)]


def on_post_build(config: MkDocsConfig) -> None:
    """Refuses a site whose pages load anything from elsewhere."""
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        loaded = foreign(path.read_text(encoding="utf-8"))
        if loaded:
            raise PluginError(f"{path.relative_to(config.site_dir)} loads {loaded[0]}")
