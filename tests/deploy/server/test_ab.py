"""An A/B test of the server: hits of two indexes in one list, and what people do with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from splade_cli.deploy.server.application import application
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.served_index import IndexSource
from tests.deploy.server.conftest import TEXTS, write_index


@pytest.fixture
def client(folder: Path, tmp_path: Path) -> Iterator[TestClient]:
    """Two indexes of the same ids, of which the second has nothing about passwords."""
    other = write_index(tmp_path / "other", tuple(text.replace("password", "script") for text in TEXTS))
    options = ServerOptions(marks=tmp_path / "marks.jsonl", preferences=tmp_path / "ab.jsonl", look_seconds=0)
    app = application(IndexSource(folder), options, IndexSource(other))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def test_hits_of_both_and_what_is_read_counts(client: TestClient) -> None:
    assert client.get("/info").json()["ab"] is True
    assert client.get("/ab").json()["outcome"]["ties"] == 0
    hits = client.get("/search", params={"q": "password", "k": 2}).json()["hits"]
    assert {hit["document_id"] for hit in hits} <= {"d0", "d1", "d4"}
    assert [hit["score"] for hit in hits] == [1.0, 0.5]
    client.get("/document", params={"q": "password", "id": hits[0]["id"]})
    client.post("/mark", json={"q": "password", "id": hits[1]["id"], "verdict": "good"})
    found = client.get("/ab").json()["outcome"]
    assert (found["a"].endswith("/index"), found["b"].endswith("/other")) == (True, True)
    assert (found["won_by_a"], found["won_by_b"]) == (1, 0)


def test_a_mark_counts_as_it_was_searched_and_both_sides_are_read(client: TestClient) -> None:
    asked = {"q": "password reset", "mode": "sparse", "filter": "year >= 2021"}
    hits = client.get("/search", params={**asked, "k": 3}).json()["hits"]
    answer = client.post("/mark", json={**asked, "id": hits[0]["id"], "verdict": "good"})
    assert answer.status_code == 200
    found = client.get("/ab").json()["outcome"]
    assert found["won_by_a"] + found["won_by_b"] == 1
    assert client.get("/why", params={"q": "script", "id": hits[0]["id"]}).status_code == 200


def test_several_queries_and_reading_without_one_are_not_counted(client: TestClient) -> None:
    client.get("/document", params={"id": "d0"})
    assert client.get("/ab").json()["outcome"]["won_by_a"] == 0
    answer = client.post("/search", json={"queries": ["password"], "k": 1}).json()
    assert len(answer["results"][0]["hits"]) == 1


def test_without_a_second_index_there_is_none(serve: object, folder: Path) -> None:
    assert serve(marks=None).get("/ab").json() == {"outcome": None}  # type: ignore[operator]


def test_one_of_the_two_alone_is_shown_as_it_is_and_counts_nothing(client: TestClient) -> None:
    systems = client.get("/info").json()["systems"]
    assert [each["name"].rpartition("/")[2] for each in systems] == ["index", "other"]
    asked = {"q": "password", "mode": "sparse"}
    first = client.get("/search", params={**asked, "system": "a"}).json()["hits"]
    assert {hit["document_id"] for hit in first} == {"d0", "d1", "d4"}
    assert (
        first[0]["score"] == 2.0
        and client.get("/search", params={**asked, "system": "b"}).json()["hits"] == []
    )
    client.get("/document", params={"q": "password", "id": first[0]["id"], "system": "a"})
    client.post("/mark", json={"q": "password", "id": first[0]["id"], "verdict": "good", "system": "a"})
    assert client.get("/ab").json()["outcome"]["won_by_a"] == 0
    why = client.get("/why", params={"q": "password", "id": "d0", "system": "b"}).json()
    assert dict(why["terms"]) == {"password": 2.0}


def test_a_system_that_is_not_there_is_refused(serve: object) -> None:
    answer = serve(marks=None).get("/search?q=saw&system=b")  # type: ignore[operator]
    assert answer.status_code == 400 and "no second index" in answer.json()["error"]
