"""Servers that answer with 200 and nonsense: each is refused in words, wherever in the answer it stands."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.patience import Patience
from splade_cli.engines.remote.pushing.push import PushOptions, push
from splade_cli.engines.web import client
from splade_cli.engines.web.lucene.store import LuceneStore
from splade_cli.engines.web.qdrant.bodies import VECTOR
from splade_cli.errors import ServiceError, SpladeError
from tests.engines.web.conftest import STORES
from tests.engines.web.lucene_stub import LuceneStub
from tests.engines.web.stub import Stub

ODD: tuple[Any, ...] = (
    None, [], {}, "", "x", -1, 10**30, True, float("nan"), float("inf"), [None], {"x": [1]}, [[]],
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a body, itself first."""
    yield path
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, part in pairs:
        yield from places(part, (*path, key))


def spoiled(body: Any, chance: random.Random) -> Any:
    """A body with something else in one place, or without it."""
    copy = json.loads(json.dumps(body))
    path = chance.choice(list(places(copy)))
    if not path:
        return chance.choice(ODD)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if chance.random() < 0.2:
        del holder[path[-1]]
    else:
        holder[path[-1]] = chance.choice(ODD)
    return copy


@pytest.mark.parametrize("seed", range(3))
def test_nonsense_at_any_place_is_no_traceback(
    make_index: Any, queries: Any, stub: Stub, store_url: str, shown: str, seed: int
) -> None:
    chance = random.Random(seed)
    whole = stub.answer
    index = make_index(12)
    other = make_index(14)
    store, _ = open_store(store_url)
    push(index, store, shown)
    remote = RemoteEngine.open(store, shown)
    document = index.chunks[0].document_id
    calls: list[Callable[[], object]] = [
        store.read_facts,
        store.count,
        store.size_bytes,
        lambda: list(store.ids()),
        lambda: store.digests(index.ids),
        lambda: remote.search(queries[:3], 5),
        lambda: remote.fetch(index.ids[:3]),
        lambda: remote.vectors(index.ids[:3]),
        lambda: store.chunks_of(document),
        lambda: push(index, store, shown, PushOptions(sync=True)),
        lambda: push(other, store, shown, PushOptions(sync=True)),
    ]
    for call in calls * 3:
        stub.answer = lambda request: spoiled(whole(request), chance)
        with suppress(SpladeError):
            call()
    stub.answer = whole
    push(index, store, shown, PushOptions(force=True))
    assert store.count() == 12 - int(not store.limits.empty), "in the end all is well"


def test_what_is_wrong_is_named(make_index: Any, start: Callable[[Any], Stub], queries: Any) -> None:
    engine = LuceneStub("elasticsearch")
    store, shown = open_store(STORES["elasticsearch"].format(port=start(engine).port))
    push(make_index(), store, str(shown))
    engine._count = lambda request: {"count": "many"}  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match=r"answers otherwise than its engine does, at 'count'") as caught:
        store.count()
    assert "is this the address of the engine" in caught.value.hint
    engine._hits = lambda body: {"hits": {"hits": [{"_id": "a", "_score": float("nan")}]}}  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match="scores that are none"):
        RemoteEngine.open(store, str(shown)).search(queries[:1], 3)


def test_a_dimension_beyond_the_model_is_refused() -> None:
    class Store(LuceneStore):
        def __init__(self) -> None:
            pass

        def vectors(self, ids: Any) -> Any:
            return {"a": ([4], [1.0])}

    engine = RemoteEngine(Store(), StoreFacts(4, generation=1, rows=1), "elasticsearch+http://h/docs")
    with pytest.raises(ServiceError, match="a dimension that is none of 4"):
        engine.vectors(["a"])


class Raw:
    """A server that sends the same bytes to everyone, some of them again and again."""

    def __init__(self, once: bytes, again: bytes = b"") -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._once = once
        self._again = again
        self._is_over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            with suppress(OSError):
                connection, _ = self._listening.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(self._once)
                    while self._again and not self._is_over.wait(0.02):
                        connection.sendall(self._again)

    def close(self) -> None:
        self._is_over.set()
        self._listening.close()


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"result":', "cannot be reached"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"result":', "with no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>hi</p>", "with no JSON object: <p>hi</p>"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n{}!", "decompressing"),
        (b"\x00\xff\xfe nonsense\r\n\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
    ids=["half an answer", "half a body", "a page", "no gzip", "no HTTP", "nothing"],
)
def test_answers_that_are_not_whole(sent: bytes, message: str) -> None:
    server = Raw(sent)
    store, _ = open_store(f"qdrant+http://127.0.0.1:{server.port}/docs")
    with pytest.raises(ServiceError, match=message):
        store.count()
    server.close()


class Clock:
    """Seconds that pass where a test says so, and `each` whenever somebody looks."""

    def __init__(self, each: float = 0.0) -> None:
        self.now = 1000.0
        self._each = each

    def __call__(self) -> float:
        self.now += self._each
        return self.now


def client_of(port: int, clock: Clock) -> client.JsonClient:
    return client.JsonClient(EngineAddress.parse(f"qdrant+http://127.0.0.1:{port}/docs"), {}, clock)


def test_an_answer_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Raw(b"HTTP/1.1 200 OK\r\n\r\n", b"[")
    asked = client_of(server.port, Clock(each=1.0))
    with pytest.raises(ServiceError, match="does not end its answer"):
        asked.send("GET", "/", patience=Patience(0, answer=2))
    monkeypatch.setattr(client, "MOST_ANSWER", 2)
    with pytest.raises(ServiceError, match="more than 2 bytes"):
        asked.send("GET", "/", patience=Patience(0, answer=50))
    server.close()


def test_a_slow_upload_takes_nothing_from_the_time_of_the_answer(start: Callable[[Any], Stub]) -> None:
    clock = Clock()

    class Slow:
        def answer(self, request: Any) -> Any:
            clock.now += 1000
            return {"result": 1}

    server = start(Slow())
    answer = client_of(server.port, clock).send("POST", "/", {}, patience=Patience(0, answer=2))
    assert answer.body == {"result": 1} and len(server.seen) == 1


@pytest.mark.parametrize(("parts", "is_kept"), [(1, True), (2, True), (3, False)])
def test_an_answer_whose_last_part_is_late_is_kept(parts: int, is_kept: bool) -> None:
    clock = Clock()
    asked = client_of(1, clock)

    def body() -> Iterator[bytes]:
        for _ in range(parts):
            clock.now += 2.0 if parts > 1 else 9.0
            yield b"1"

    response = httpx2.Response(200, content=body())
    if is_kept:
        assert asked._received(response, 3.0) == b"1" * parts
        return
    with pytest.raises(ServiceError, match="does not end its answer"):
        asked._received(response, 3.0)


CUT = {"indices": [1, 2, 3], "values": [0.5]}


@pytest.mark.parametrize(
    ("name", "body", "place"),
    [
        (
            "qdrant",
            {"result": [{"payload": {"id": "a"}, "vector": {VECTOR: CUT}}]},
            rf"result\.0\..*{VECTOR}",
        ),
        ("pinecone", {"vectors": {"a": {"metadata": {}, "sparseValues": CUT}}}, r"vectors\.a\.sparseValues"),
    ],
)
def test_vectors_of_unequal_lists_are_refused(
    name: str, body: Any, place: str, start: Callable[[Any], Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut:
        def answer(self, request: Any) -> Any:
            return body

    monkeypatch.setenv("SPLADE_ENGINE_TOKEN", "a key")
    store, _ = open_store(STORES[name].format(port=start(Cut()).port))
    with pytest.raises(ServiceError, match=f"at '{place}': .*3 indices and 1 values"):
        store.vectors(["a"])
