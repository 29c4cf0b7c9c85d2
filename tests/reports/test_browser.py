"""A report in a browser, where there is one: its script runs, a stranger's does not, and nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from splade_cli.reports.html import html
from splade_cli.reports.page import Page
from tests.reports.pages import HOSTILE, PAGE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture
def browse(tmp_path: Path) -> Callable[[Page], tuple[str, list[str]]]:
    """The document as it is after its script has run, and what the console said."""

    def dom(page: Page) -> tuple[str, list[str]]:
        path = tmp_path / "report.html"
        path.write_text(html(page), encoding="utf-8")
        words = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        words += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return dom


def test_the_hits_of_the_first_query_are_shown(browse: Callable[[Page], tuple[str, list[str]]]) -> None:
    dom, said = browse(PAGE)
    assert said == []
    assert re.search(r'<div id="hits" class="hits"[^>]*aria-live="polite"><h3>', dom), "the panel is open"
    assert dom.count("✓ relevant, grade 2") == 2
    assert "<title>tiny on &lt;/style&gt;" in dom, "nobody's script changed it"
    assert HOSTILE[0] not in dom.partition('<script type="application/json"')[0]
    assert not re.search(r"<img|<svg onload", dom)
