"""Addresses of stubs, for the checks that real servers pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engines.web.lucene_stub import LuceneStub
from tests.engines.web.pinecone_stub import PineconeStub
from tests.engines.web.stub import Stub
from tests.engines.web.vespa_stub import VespaStub

STORES = {
    "elasticsearch": "elasticsearch+http://127.0.0.1:{port}/docs",
    "opensearch": "opensearch+http://127.0.0.1:{port}/docs",
    "opensearch-seismic": "opensearch+http://127.0.0.1:{port}/docs?field=seismic&ceiling=4",
    "pinecone": "pinecone+http://127.0.0.1:{port}/docs",
    "vespa": "vespa+http://127.0.0.1:{port}",
    "qdrant": "qdrant+http://127.0.0.1:{port}/docs",
}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were asked to be slept; nobody sleeps."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


@pytest.fixture
def start() -> Iterator[Callable[[Any], Stub]]:
    """Serves what answers until the test ends."""
    stubs: list[Stub] = []

    def begin(engine: Any) -> Stub:
        stubs.append(Stub(engine.answer))
        return stubs[-1]

    yield begin
    for stub in stubs:
        stub.close()


@pytest.fixture(params=sorted(STORES))
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    name: str = request.param
    return name


@pytest.fixture
def engine(engine_name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What answers for it."""
    if engine_name == "pinecone":
        monkeypatch.setenv("SPLADE_ENGINE_TOKEN", "a key")
        return PineconeStub()
    if engine_name == "vespa":
        return VespaStub()
    if engine_name == "qdrant":
        pytest.importorskip("qdrant_client")
        from tests.engines.web.qdrant_stub import QdrantStub

        return QdrantStub()
    return LuceneStub(engine_name.partition("-")[0])


@pytest.fixture
def stub(engine: Any, start: Callable[[Any], Stub]) -> Stub:
    """Its server."""
    return start(engine)


@pytest.fixture
def store_url(engine_name: str, stub: Stub) -> str:
    """Its address."""
    return STORES[engine_name].format(port=stub.port)
