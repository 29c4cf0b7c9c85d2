"""Long blocks and deep pages: bounded work, and no word lost."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.corpus.formats.html.depth import DEEPEST, with_bounded_depth
from splade_cli.corpus.formats.html.page import read_page
from splade_cli.corpus.formats.markdown.reader import read_markdown
from splade_cli.corpus.formats.markup.rst import read_rst
from splade_cli.corpus.formats.pieces import AT_ONCE, pieces

MARK = re.compile(r"[\[*]")


@given(st.text("a b\n[*", max_size=50), st.integers(0, 3000))
def test_pieces_are_the_block(unit: str, times: int) -> None:
    block = unit * times
    parts = list(pieces(block, MARK))
    assert "".join(part.text for part in parts) == block
    assert all(len(part.text) <= AT_ONCE for part in parts)


def test_noise_is_no_markup_and_prose_is() -> None:
    assert [part.is_markup for part in pieces("[a" * 8000, MARK)] == [False, False]
    assert all(part.is_markup for part in pieces("a [link](b) and *words* beside it. " * 5000, MARK))
    assert [part.is_markup for part in pieces("[" * 100, MARK)] == [True]


def test_a_long_paragraph_keeps_its_links_and_words() -> None:
    text = read_markdown("A [link](http://x.y) and *some* words.\n" * 1000).text
    assert text == "\n".join(["A link and some words."] * 1000)


def test_very_short_lines_stay_as_they_are() -> None:
    prose = read_markdown("- a\n" * 20_000)
    assert prose.text == "\n".join(["- a"] * 20_000)
    assert "short lines" in prose.remark
    assert not read_markdown("- a\n" * 100).remark


def test_deep_pages_keep_their_words() -> None:
    deep = "<div>" * 5000 + "inner" + "</div>" * 5000 + "<h1>Title</h1><p>after"
    assert read_page(deep).text == "inner\n\n# Title\n\nafter"
    assert with_bounded_depth(deep).count("<div>") == DEEPEST


def test_shallow_pages_stay_as_they_are() -> None:
    page = "<ul>" + "<li>x<p>y<br><img src=a></ul><ul>" * 1000 + "<svg>" + "<path d='M'/>" * 1000 + "</svg>"
    assert with_bounded_depth(page) == page
    script = "<script>" + "'<div>'" * 1000 + "</script><p>x"
    assert with_bounded_depth(script) == script


@given(st.lists(st.sampled_from(["<b>", "</b>", "<div>", "</div>", "<p>", "word ", "<br>", "<!--", "-->"])))
def test_tags_only_are_taken_out(parts: list[str]) -> None:
    page = "".join(parts * 200)
    tag = "</?(?:b|div|p|br)>"
    assert re.sub(tag, "", with_bounded_depth(page)) == re.sub(tag, "", page)


def test_replacements_of_rst_are_read_from_their_lines() -> None:
    assert read_rst(".. |a| replace:: word\n\nThe |a| and |b|.").text == "The word and |b|."


def calls(function: Callable[[], object]) -> int:
    """How many calls a function makes: time without a clock."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("unit", list("[]()!#*_`<>&~\\$%+-:=@^{}") + ["# ", "![", "## a\n"])
def test_what_is_nearly_all_marks_is_not_parsed(unit: str) -> None:
    text = unit * (50_000 // len(unit))
    read_markdown(f"word {unit}")
    assert calls(lambda: read_markdown(f"word {text} end")) < len(text)


@pytest.mark.parametrize(
    "unit", ["[", "![", "[^", "*a ", "_a", "`a", "<![", "a\n\n", "> a", "a *b* [c](d) e\n"]
)
def test_work_grows_with_the_length(unit: str) -> None:
    read_markdown(unit * 100)
    times = 40_000 // len(unit)
    little = calls(lambda: read_markdown(unit * (times // 4)))
    much = calls(lambda: read_markdown(unit * times))
    assert much < 6 * little
