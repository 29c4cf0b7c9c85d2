"""What a server takes on: bodies, hits, queries, requests at once, and time."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient

from splade_cli.deploy.server.endpoints.parameters import WORDS
from splade_cli.deploy.server.options import Limits
from splade_cli.search.searcher import Searcher

REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"q": "saw", "k": 101}, 400, "k is 101"),
    ({"q": "saw", "k": 0}, 400, "k: "),
    ({"q": "saw", "k": "ten"}, 400, "'ten'"),
    ({"q": "saw", "kk": 3}, 400, "unknown key 'kk'"),
    ({"q": " "}, 400, "empty"),
    ({}, 400, "one of q and queries"),
    ({"q": "saw", "queries": ["saw"]}, 400, "one of q and queries"),
    ({"queries": []}, 400, "queries is empty"),
    ({"queries": ["saw", ""]}, 400, "empty"),
    ({"queries": ["saw"] * 33}, 400, "33 queries"),
    ({"q": "w" * 2001}, 400, "2,001 characters"),
    ({"q": "saw", "filter": "y" * 2001}, 400, "2,001 characters"),
    ({"q": "saw", "filter": "year >="}, 400, "filter"),
    ({"q": "saw", "filter": "(" * 1500}, 400, "filter"),
    ({"q": "saw", "filter": "nothing = 1"}, 400, "nothing"),
    ({"q": "saw", "mode": "magic"}, 400, "magic"),
    ({"q": "saw", "mode": "dense"}, 400, "dense"),
    ({"q": "saw", "weights": "sparse=-1"}, 400, "-1"),
    ({"q": "saw", "weights": {"sparce": 1}}, 400, "sparce"),
    ({"q": "saw", "weights": "nan=nan"}, 400, "nan"),
    ({"q": "saw", "rerank": True}, 400, "cross-encoder"),
    ({"q": "saw", "idf": -1}, 400, "idf"),
]


@pytest.mark.parametrize(("given", "status", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_a_search_is_refused_for(
    client: TestClient, given: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/search", json=given)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"] and answer.json()["hint"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"q": "\\ud800"}', b"\xff\xfe"]
)
def test_bodies_that_are_none(client: TestClient, body: bytes) -> None:
    answer = client.post("/search", content=body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_a_parameter_that_comes_twice(client: TestClient) -> None:
    assert client.get("/search?q=saw&q=blade").json()["error"] == "q is given twice"


def test_other_methods_and_paths_are_refused_in_json(client: TestClient) -> None:
    assert client.delete("/search").status_code == 405
    assert client.get("/encode").status_code == 405
    missing = client.get("/../../etc/passwd")
    assert missing.status_code == 404 and missing.json()["hint"]


def test_a_body_that_is_too_large_is_not_read(serve: Any) -> None:
    client = serve(limits=Limits(body_bytes=1000))
    stated = client.post("/search", content=b"x" * 1001)
    assert stated.status_code == 413 and "1,000 bytes" in stated.json()["error"]
    streamed = client.post("/search", content=(b"x" * 300 for _ in range(100)))
    assert streamed.status_code == 413


def test_texts_to_encode_are_limited(serve: Any) -> None:
    client = serve(limits=Limits(texts=2, text_characters=5))
    assert client.post("/encode", json={"texts": ["a", "b", "c"]}).status_code == 400
    assert client.post("/encode", json={"texts": "abcdef"}).status_code == 400
    assert client.post("/encode", json={"texts": []}).status_code == 400
    assert client.post("/encode", json={"texts": ["abcde", "b"]}).status_code == 200


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> tuple[Event, Event]:
    """Searches wait: the first event says that one has begun, the second lets them go on."""
    begun = Event()
    go_on = Event()
    search = Searcher.search

    def waiting(self: Searcher, queries: Any, *arguments: Any, **keywords: Any) -> Any:
        if queries == "saw":
            begun.set()
            assert go_on.wait(60)
        return search(self, queries, *arguments, **keywords)

    monkeypatch.setattr(Searcher, "search", waiting)
    return begun, go_on


def test_more_requests_than_places_are_told_to_come_back(serve: Any, held: tuple[Event, Event]) -> None:
    begun, go_on = held
    client = serve(limits=Limits(concurrency=1, waiting=0, seconds=60))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "/search?q=saw")
        assert begun.wait(60)
        refused = client.get("/search?q=blade")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.get("/ready").status_code == 503 and client.get("/health").status_code == 200
        go_on.set()
        assert first.result().status_code == 200
    assert client.get("/search?q=blade").status_code == 200


def test_an_answer_that_takes_too_long_is_given_up_and_keeps_its_place(
    serve: Any, held: tuple[Event, Event]
) -> None:
    _, go_on = held
    client = serve(limits=Limits(concurrency=1, waiting=0, seconds=0.05))
    late = client.get("/search?q=saw")
    assert late.status_code == 504 and "0.05 seconds" in late.json()["error"]
    assert client.get("/search?q=blade").status_code == 503, "its thread is still at work"
    go_on.set()


def test_what_the_description_calls_words_is_what_is_taken() -> None:
    pattern = str(WORDS["pattern"])
    for code in range(0x3100):
        letter = chr(code)
        assert (re.search(pattern, letter) is None) == (not letter.strip()), hex(code)
