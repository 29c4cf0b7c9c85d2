"""A report as HTML: nothing outside it, every figure in it, and a stranger's texts never more than text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from splade_cli.reports.html import html
from splade_cli.reports.page import Page
from tests.reports.pages import HITS, HOSTILE, PAGE

ALLOWED_SCRIPTS = 2
VOID = {"meta", "link", "input", "br", "img"}


class Read(HTMLParser):
    """All elements with their attributes and their own text, as a browser would find them."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[int] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open[-1]][0] == tag, f"</{tag}> closes {self.elements[self.open[-1]][0]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for number in self.open:
            self.elements[number][2].append(data)

    def texts(self, tag: str, **wanted: str) -> list[str]:
        return [
            "".join(words).strip()
            for name, attributes, words in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def document() -> str:
    return html(PAGE)


@pytest.fixture(scope="module")
def read(document: str) -> Read:
    return Read(document)


def test_nothing_is_loaded_from_elsewhere(document: str, read: Read) -> None:
    assert not read.open, "every element is closed"
    for tag, attributes, _ in read.elements:
        assert tag not in ("img", "iframe", "object", "embed", "base", "form"), tag
        for name in ("src", "href", "action", "srcset", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), attributes
    assert not re.search(r"https?://|//[a-z]+\.[a-z]+|@import|url\(", document)
    policy = next(
        a["content"] for t, a, _ in read.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy and "default-src 'none'" in policy and "script-src 'sha256-" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


def test_the_policy_names_the_hash_of_the_script(document: str, read: Read) -> None:
    import base64
    import hashlib

    scripts = [(a, "".join(words)) for tag, a, words in read.elements if tag == "script"]
    assert len(scripts) == ALLOWED_SCRIPTS
    ((_, script),) = [each for each in scripts if "type" not in each[0]]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"sha256-{digest}" in document


def test_every_drawing_is_told_in_words(read: Read) -> None:
    drawings = [attributes for tag, attributes, _ in read.elements if tag == "svg"]
    assert len(drawings) == len(PAGE.plots)
    by_id = {
        attributes["id"]: "".join(words) for _, attributes, words in read.elements if attributes.get("id")
    }
    for drawing, plot in zip(drawings, PAGE.plots, strict=True):
        assert drawing["role"] == "img"
        title, description = str(drawing["aria-labelledby"]).split()
        assert (by_id[title], by_id[description]) == (plot.title, plot.description)


def test_a_strangers_texts_are_texts(read: Read) -> None:
    assert read.texts("h1") == [PAGE.title]
    assert read.texts("p", **{"class": "subtitle"}) == [HOSTILE[0]]
    assert read.texts("p", **{"class": "verdict"}) == [PAGE.verdict]
    assert HOSTILE[1] in read.texts("li")
    assert read.texts("code") == ["splade gen-data 'a <b>' -o data"]
    assert HOSTILE[0] in read.texts("td") and HOSTILE[1] in read.texts("button")
    assert all("49" not in text for text in read.texts("p")), "what looks like a template is none"


def test_the_tables_have_the_figures_of_the_report(read: Read) -> None:
    ids = {f"table{number}": each.table for number, each in enumerate(PAGE.sections, 1)}
    ids |= {f"plot{n}-figures": plot.table() for n, plot in enumerate(PAGE.plots) if not plot.listed_in}
    ids["queries"] = HITS.table()
    assert len(ids) == 4
    for name, table in ids.items():
        start = next(n for n, (_, attributes, _) in enumerate(read.elements) if attributes.get("id") == name)
        rest = read.elements[start + 1 :]
        end = next((n for n, (tag, _, _) in enumerate(rest) if tag == "table"), len(rest))
        cells = [a["data-v"] for tag, a, _ in rest[:end] if tag in ("td", "th") and "data-v" in a]
        expected = [str(cell) for row in table.rows for cell in row]
        assert cells == expected, name


def test_the_script_reads_the_hits_of_the_report(read: Read) -> None:
    (data,) = read.texts("script", id="data")
    assert json.loads(data) == json.loads(json.dumps(HITS.to_json()))
    assert "<" not in data and "\u2028" not in data


def test_a_report_without_hits_or_plots_has_no_empty_parts() -> None:
    read = Read(html(Page("Nothing", "There was nothing.")))
    assert read.texts("h2") == [] and read.texts("svg") == [] and read.texts("dl") == []
    assert len(read.texts("script")) == 1


@pytest.mark.parametrize("part", ["<h1>", "<h2", "<main>", 'lang="en"', 'name="viewport"'])
def test_a_browser_finds_its_way(document: str, part: str) -> None:
    assert part in document


def test_a_thousand_queries_of_four_systems_stay_a_few_megabytes(
    thousand: Callable[[], Page],
) -> None:
    page = thousand()
    assert page.hits is not None and len(page.hits.queries) == 1000
    assert len(html(page).encode()) < 5_000_000
