"""The search page in a browser, where there is one: two sides beside one another, words, and a silent console."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.server.conftest import TEXTS, chunks_of, served, write_index

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of two indexes, of which the second has nothing about passwords."""
    there = tmp_path_factory.mktemp("browsed")
    other = write_index(there / "other", tuple(text.replace("password", "script") for text in TEXTS))
    marks = ("--marks", str(there / "marks.jsonl"), "--ab-log", str(there / "ab.jsonl"))
    with served(folder, "--ab", str(other), *marks) as found:
        yield found


@pytest.fixture
def dom(tmp_path: Path) -> Callable[[str], str]:
    """The page at an address as it is after its first search; the console must have stayed silent."""

    def read(address: str) -> str:
        words = [
            str(CHROMIUM),
            "--headless",
            *FLAGS,
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
        ]
        words += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", address]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
        return done.stdout

    return read


def hits_of(dom: str, side: str) -> list[str]:
    found = re.search(rf'<ol id="{side}-hits".*?</ol>', dom, re.DOTALL)
    assert found is not None
    return re.findall(r'<li class="hit.*?(?=<li class="hit|</ol>)', found.group(0), re.DOTALL)


def test_two_modes_of_an_address_stand_side_by_side(folder: Path, dom: Callable[[str], str]) -> None:
    with served(folder, "--no-marks") as address:
        page = dom(f"{address}/#q=reset+password&left=sparse&right=bm25")
        left = hits_of(page, "left")
        right = hits_of(page, "right")
        assert len(left) == 3 and len(left) == len(right)
        assert ">sparse</h2>" in page and ">bm25</h2>" in page
        assert all(re.search(r"right #\d", each) for each in left)
        assert all("also on the left, rank" in each for each in right)
        assert "3 in both" in page
        alone = dom(f"{address}/#q=reset+password&mode=bm25")
    assert len(hits_of(alone, "left")) == 3 and not hits_of(alone, "right")
    assert re.search(r'<section id="right"[^>]* hidden', alone) and "right #" not in alone


def test_two_systems_and_what_only_one_has(address: str, dom: Callable[[str], str]) -> None:
    page = dom(f"{address}/#q=password+mail&left=a%3Ausual&right=b%3Asparse")
    assert "index: auto (hybrid)</h2>" in page and "other: sparse</h2>" in page
    left = hits_of(page, "left")
    right = hits_of(page, "right")
    assert [each for each in left if "only left" in each] and not [
        each for each in right if "only right" in each
    ]
    assert all(re.search(r"score \d+\.\d+", each) for each in left), "not one over its rank"


def test_pieces_of_words_are_shown_as_words(tmp_path: Path, embedder: Any, dom: Callable[[str], str]) -> None:
    from splade_cli.indexing.in_memory import index_chunks
    from tests.deploy.server.conftest import chunks_of

    index_chunks(chunks_of(), embedder).save(tmp_path / "index")
    with served(tmp_path / "index", "--no-marks") as address:
        page = dom(f"{address}/#q=forgotten+password+backups&mode=sparse")
    names = re.findall(r'class="name" title="([^"]*)"', page)
    assert names and not [name for name in names if name.startswith("##")]


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Opens an address in a browser that keys can be pressed in."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    said: list[str] = []
    with ExitStack() as stack:
        driver = stack.enter_context(playwright.sync_playwright())
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(browser.close)

        def opened(address: str) -> Any:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(address)
            return page

        yield opened
        assert said == []


def test_by_keys_alone(address: str, tab: Callable[[str], Any]) -> None:
    page = tab(f"{address}/")
    page.keyboard.type("password mail")
    page.keyboard.press("Enter")
    page.wait_for_selector("#left-hits .hit:focus")
    page.keyboard.press("c")
    page.wait_for_selector("#right-hits .hit")
    assert "right=b%3Ausual" in page.url
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.closest('section').id") == "right"
    page.keyboard.press("Enter")
    page.wait_for_selector("#right-hits .text")
    page.keyboard.press("g")
    page.wait_for_selector("#right-hits .good[aria-pressed=true]")
    page.reload()
    page.wait_for_selector("#right-hits .good[aria-pressed=true]")
    page.locator("#right-hits .both .where").first.click()
    assert page.evaluate("document.activeElement.closest('section').id") == "left"
    page.keyboard.press("c")
    page.wait_for_selector("body:not(.comparing)")
    assert "left=" not in page.url and page.locator("#right-hits .hit:visible").count() == 0
    page.goto(f"{address}/ab")
    assert '"won_by_a":0,"won_by_b":0' in page.content(), "who sees the sides has no vote"


def test_a_press_on_a_value_narrows_down(tmp_path: Path, tab: Callable[[str], Any]) -> None:
    chunks = [
        replace(
            chunk, metadata={"part of": 'a "b" \\ c' if number % 2 else "and", "year": 2020 + number // 3}
        )
        for number, chunk in enumerate(chunks_of())
    ]
    with served(write_index(tmp_path / "index", chunks=chunks), "--no-marks") as address:
        page = tab(f"{address}/#q=password")
        page.wait_for_selector("#left-hits .hit")
        values = page.locator("#facets button")
        values.first.wait_for()
        assert values.all_inner_texts() == ["and3", 'a "b" \\ c2', "20203", "20212"]
        page.locator("#facets button", has_text="b").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector('#facets button[aria-pressed=true]:focus:has-text("b")')
        assert page.input_value("#filter") == r'''"part of" = "a \"b\" \\ c"'''
        assert page.locator("#left-hits .hit").count() == 1
        page.locator("#facets button", has_text="2020").click()
        page.wait_for_selector("#facets button[aria-pressed=true]:has-text('2020')")
        assert page.input_value("#filter").endswith(" and year = 2020")
        page.locator("#facets button", has_text="b").click()
        page.wait_for_selector("#facets button[aria-pressed=false]:has-text('b')")
        assert page.input_value("#filter") == "year = 2020"
        page.fill("#filter", "year = 2020 or year = 2021")
        page.locator("#facets button", has_text="and").click()
        page.wait_for_selector("#facets button[aria-pressed=false]:has-text('b')")
        assert page.input_value("#filter") == '(year = 2020 or year = 2021) and "part of" = "and"'


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_it_fits_a_phone_and_a_desk(address: str, tab: Callable[[str], Any], width: int) -> None:
    page = tab(f"{address}/#q=password+mail&left=a%3Asparse&right=b%3Abm25")
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_selector("#right-hits .hit")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = [page.locator(f"#{side}").bounding_box() for side in ("left", "right")]
    is_stacked = boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    assert is_stacked == (width < 768)
