"""Pictures of the documents: the screen as it looks, in files that name no address; all that pages show are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.svg import svg
from tools.pictures.plots import coloured

ROOT = Path(__file__).resolve().parents[2]


def test_a_plot_is_a_file_of_its_own_in_either_scheme() -> None:
    plot = Plot("t", "d", "points", Axis("x"), Axis("y"), (Series("a", (1.0, 2.0), (3.0, 4.0)),))
    light = coloured(svg(plot, "p"), "light")
    dark = coloured(svg(plot, "p"), "dark")
    assert light != dark
    for drawing in (light, dark):
        assert drawing.startswith('<svg xmlns="http://www.w3.org/2000/svg" ')
        assert "var(" not in drawing
        assert ".mark" in drawing


def test_a_screen_is_drawn_without_any_address() -> None:
    pytest.importorskip("pexpect")
    pyte = pytest.importorskip("pyte")
    from tools.pictures.terminal import Screen, Terminal, picture

    terminal = Terminal.__new__(Terminal)  # a screen without a program in it
    terminal.screen = Screen(20, 3, lambda said: None)
    pyte.Stream(terminal.screen).feed("\x1b[1;36mbold\x1b[0m and \x1b[2mdim\x1b[22m it\r\n\x1b[38;2;1;2;3mx")
    lines = terminal.lines()
    assert [line.plain for line in lines] == ["bold and dim it", "x"]
    styles = [str(span.style) for line in lines for span in line.spans]
    assert styles == ["bold cyan", "bright_black", "#010203"]
    drawing = picture(terminal, "$ splade", "dark")
    assert re.findall(r"https?://[^\"]+", drawing) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/tutorial.md"])
def test_pictures_of_a_page_are_there_and_small(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"pictures/([\w-]+\.(?:svg|png))", text)
    for name in named:
        picture = ROOT / "docs" / "pictures" / name
        assert picture.stat().st_size < 150_000
        other = name.replace("-light", "-dark") if "-light" in name else name.replace("-dark", "-light")
        assert other in named, "both schemes"
