"""The search page: its own files only, nothing inline, and no way for a document's text to become markup."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest
from starlette.testclient import TestClient

from splade_cli.deploy.server.application import PAGE
from tests.deploy.server.conftest import TEXTS

FILES = {
    name: files("splade_cli.deploy.server").joinpath("page", name).read_text("utf-8")
    for name, _ in PAGE.values()
}


def test_what_the_page_asks_for_is_served_by_relative_addresses(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    asked = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    asked += [each for text in FILES.values() for each in re.findall(r'from "\./([^"]+)"', text)]
    assert len(asked) >= 6
    for path in asked:
        assert not path.startswith(("/", "http")), f"{path} would be lost behind a proxy's folder"
        assert client.get(f"/{path}").status_code == 200, path


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    text = FILES[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//\w+\.\w+/", text)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text
    )
    if name.endswith(".html"):
        assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son\w+=", text)


def test_every_field_has_a_label() -> None:
    page = FILES["index.html"]
    labelled = set(re.findall(r'<label for="([^"]+)"', page))
    inside = "".join(re.findall(r"<label(?! for)[^>]*>.*?</label>", page, re.DOTALL))
    for name in re.findall(r'<(?:input|select) id="([^"]+)"', page):
        assert name in labelled or f'id="{name}"' in inside, name


def test_a_hostile_text_arrives_as_it_is_and_as_json(client: TestClient) -> None:
    answer = client.get("/search", params={"q": "script alert", "k": 1})
    assert answer.headers["content-type"] == "application/json"
    hit: dict[str, Any] = answer.json()["hits"][0]
    assert (hit["text"], hit["title"]) == (TEXTS[4], "<b>Manual</b>")
    told = client.get("/search", params={"q": "saw", "<script>": "1"})
    assert told.status_code == 400 and told.headers["content-type"] == "application/json"
