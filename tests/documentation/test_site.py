"""The site as it is built: every page is in its navigation, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

hooks = pytest.importorskip("tools.documentation.hooks", reason="MkDocs is not installed")
ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md")) + [ROOT / source for source in hooks.ELSEWHERE]


def addresses(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        target = entry if isinstance(entry, str) else next(iter(entry.values()))
        if isinstance(target, str):
            yield target
        else:
            yield from addresses(target)


def test_every_page_is_in_the_navigation() -> None:
    from mkdocs.config import load_config

    named = set(addresses(load_config(str(ROOT / "mkdocs.yml")).nav or []))
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(there - named) == []
    assert sorted(set(hooks.ELSEWHERE.values()) - named) == []


def test_what_loads_from_elsewhere_is_refused() -> None:
    assert hooks.foreign('<script src="https://cdn.x/a.js"></script><img src="//x.y/z.png">') != []
    assert hooks.foreign('<link rel="stylesheet" href="https://fonts.x/a">') != []
    assert not hooks.foreign('<link rel="canonical" href="https://x.y/"><a href="https://x.y">z</a>')
    assert not hooks.foreign('<script src="assets/a.js"></script><img src="pictures/a.svg">')


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_lists_tables_and_blocks_are_read_alike_everywhere(page: Path) -> None:
    """What one reader of Markdown takes for a list, another takes for a paragraph: blank lines keep them alike."""
    is_fenced = False
    before = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif not is_fenced:
            is_item = re.match(r"(- |\d+\. )", line)
            if is_item and before.strip():
                assert re.match(r"(\s+|- |\d+\. )", before), f"a blank line before: {line}"
            if line.startswith("|") and before.strip():
                assert before.startswith("|"), f"a blank line before: {line}"
            assert not re.match(r" {1,3}(\||- |\d+\. |```)", line), f"four blanks before: {line}"
        before = line
    assert not is_fenced
