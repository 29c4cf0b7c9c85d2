"""`splade serve --engine`: texts found in a real PostgreSQL, and what is answered when that goes away."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from splade_cli.deploy.server.application import application
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.served_index import IndexSource
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.pushing.push import PushOptions, push
from splade_cli.index.index import SpladeIndex
from splade_cli.search.options import SearchOptions
from tests.deploy.server.conftest import TEXTS, write_index
from tests.engines.servers import postgres

pytestmark = pytest.mark.slow


def test_an_engine_is_served_as_its_index_is(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "index")
    started = ExitStack()
    try:
        server = started.enter_context(postgres())
    except LookupError as error:
        pytest.skip(str(error))
    url = f"{server.url}served"
    store, address = open_store(url)
    push(SpladeIndex.open(folder), store, str(address))
    local = IndexSource(folder, options=SearchOptions(mode="sparse"))
    remote = replace(local, engine=url)
    answers = []
    for source in (local, remote):
        with TestClient(
            application(source, ServerOptions(look_seconds=0.05)), base_url="http://localhost"
        ) as client:
            answers.append(client.get("/search?q=password+mail&filter=year+<+2024").json()["hits"])
            assert client.get("/why?q=blade&id=d0::1").status_code == 200
    assert answers[0] == answers[1]
    assert [hit["id"] for hit in answers[1]] == ["d0::1", "d1::1"]

    with TestClient(
        application(remote, ServerOptions(look_seconds=0)), base_url="http://localhost"
    ) as client:
        write_index(folder, (*TEXTS, "A password for the saw."))
        push(SpladeIndex.open(folder), store, str(address), PushOptions(sync=True))
        found = client.get("/search?q=saw").json()["hits"]
        assert [hit["id"] for hit in found] == ["d3::1", "d5::1"]
        started.close()
        gone = client.get("/search?q=saw")
        assert gone.status_code == 503
        assert gone.json()["error"] == "the engine that finds the texts does not answer now"
        assert str(server.folder) not in gone.text
