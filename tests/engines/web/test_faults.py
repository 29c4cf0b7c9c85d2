"""Servers that are busy, drop connections, refuse a part of what they get, or are not what they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from splade_cli.deploy.server.refusals import refusal_of
from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.pushing.parity import parity
from splade_cli.engines.remote.pushing.push import PushOptions, push
from splade_cli.errors import InputError, ServiceError
from tests.engines.web.conftest import STORES
from tests.engines.web.lucene_stub import LuceneStub
from tests.engines.web.stub import Stub

Start = Callable[[Any], Stub]
SECRET = "hush-hush-hush"


def address(stub: Stub, name: str = "elasticsearch") -> str:
    return STORES[name].format(port=stub.port)


def test_a_push_through_faults(
    make_index: Any, queries: Any, stub: Stub, store_url: str, shown: str, pauses: list[float]
) -> None:
    index = make_index()
    stub.faults = [None, 503, "drop", None, (429, {"Retry-After": "7"}), 502, None, "drop", 504, None, 429]
    store, _ = open_store(store_url)
    done = push(index, store, shown, PushOptions(batch_rows=7))
    assert done.written == 60 and not stub.faults
    assert 7.0 in pauses, "no sooner than the server asks"
    stub.faults = ["drop", (503, {"Retry-After": "1"})]
    found = parity(index, LocalEngine(index), RemoteEngine.open(store, shown), queries, store.tolerance)
    assert found.recall == 1.0 and not stub.faults


def test_patience_ends(stub: Stub, store_url: str, pauses: list[float]) -> None:
    stub.faults = [503] * 200
    store, _ = open_store(store_url)
    with pytest.raises(ServiceError, match=r"is busy \(503\)"):
        store.count()
    assert 1 < sum(pauses) <= 61
    stub.faults = [(429, {"Retry-After": "100000"})]
    pauses.clear()
    with pytest.raises(ServiceError, match=r"is busy \(429\)"):
        store.count()
    assert not pauses, "so long nobody waits"


def test_no_server_there(pauses: list[float]) -> None:
    store, _ = open_store("qdrant+http://127.0.0.1:9/docs")
    with pytest.raises(ServiceError, match="cannot be reached"):
        store.read_facts()


def test_documents_that_the_server_is_too_busy_for_are_sent_again(
    make_index: Any, start: Start, pauses: list[float]
) -> None:
    engine = LuceneStub("elasticsearch")
    stub = start(engine)
    engine.busy_items = 23
    store, shown = open_store(address(stub))
    assert push(make_index(), store, str(shown), PushOptions(batch_rows=20)).written == 60
    assert len(engine.written) == 60
    sizes = [len(request.lines()) // 2 for request in stub.seen if request.path.endswith("_bulk")]
    assert sizes == [20, 20, 3, 20, 20], "only those that were refused"
    engine.busy_items = 10**6
    with pytest.raises(ServiceError, match="too busy for 20 documents"):
        push(make_index(), store, str(shown), PushOptions(batch_rows=20, force=True))


def test_a_document_that_is_refused_is_named(
    make_index: Any, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LuceneStub("opensearch")
    store, shown = open_store(address(start(engine), "opensearch"))
    index = make_index()
    from splade_cli.engines.web.lucene import bodies

    whole = bodies.document_body

    def broken(row: Any, names: Any) -> Any:
        body = whole(row, names)
        if row.chunk.id == index.ids[33]:
            body["v"] = {"1.5": 2.0}
        return body

    monkeypatch.setattr(bodies, "document_body", broken)
    with pytest.raises(
        InputError, match=rf"refuses '{index.ids[33]}' \(400\): .rank_features. refuses .1.5."
    ):
        push(index, store, str(shown), PushOptions(batch_rows=50))
    assert len(engine.written) > 33, "the others are there"
    monkeypatch.setattr(bodies, "document_body", whole)
    assert push(index, store, str(shown), PushOptions(batch_rows=50)).resumed


def test_requests_that_are_too_large_go_by_halves(make_index: Any, start: Start) -> None:
    engine = LuceneStub("elasticsearch")
    engine.most_bytes = 9_000
    store, shown = open_store(address(start(engine)))
    assert push(make_index(), store, str(shown)).written == 60


def test_weights_of_nine_bits_are_within_the_tolerance(make_index: Any, queries: Any, start: Start) -> None:
    index = make_index()
    for name in ("elasticsearch", "opensearch"):
        store, shown = open_store(address(start(LuceneStub(name, rounded=True)), name))
        push(index, store, str(shown))
        found = parity(
            index, LocalEngine(index), RemoteEngine.open(store, str(shown)), queries, store.tolerance
        )
        assert found.recall == 1.0
        assert 1e-4 < found.score_difference < store.tolerance


def test_weights_above_the_ceiling_are_refused(make_index: Any, start: Start) -> None:
    url = address(start(LuceneStub("opensearch")), "opensearch-seismic").replace("ceiling=4", "ceiling=2")
    store, shown = open_store(url)
    with pytest.raises(InputError, match=r"OpenSearch \(ceiling=2\) takes weights up to 2"):
        push(make_index(), store, str(shown))


def test_secrets_are_sent_and_not_shown(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        "elasticsearch": ("authorization", f"ApiKey {SECRET}"),
        "opensearch": ("authorization", f"Bearer {SECRET}"),
        "qdrant": ("api-key", SECRET),
    }
    monkeypatch.setenv("SPLADE_ENGINE_TOKEN", SECRET)
    for name, (header, value) in wanted.items():
        stub = start(LuceneStub("elasticsearch"))
        stub.faults = [401, 403]
        store, shown = open_store(address(stub, name))
        with pytest.raises(ServiceError, match=r"refuses \(401\)") as caught:
            store.read_facts()
        assert stub.seen[0].headers[header] == value
        assert SECRET not in f"{caught.value} {caught.value.hint} {shown} {store!r}"
    monkeypatch.delenv("SPLADE_ENGINE_TOKEN")
    monkeypatch.setenv("SPLADE_ENGINE_PASSWORD", SECRET)
    stub = start(LuceneStub("opensearch"))
    stub.faults = [401]
    store, shown = open_store(address(stub, "opensearch").replace("//", "//admin@"))
    with pytest.raises(ServiceError) as caught:
        store.read_facts()
    assert stub.seen[0].headers["authorization"].startswith("Basic ")
    assert SECRET not in f"{caught.value} {shown}"


def test_no_redirect_is_followed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLADE_ENGINE_TOKEN", SECRET)
    other = start(LuceneStub("elasticsearch"))
    stub = start(LuceneStub("elasticsearch"))
    stub.faults = [(307, {"Location": f"http://127.0.0.1:{other.port}/docs/_mapping"})]
    store, _ = open_store(address(stub))
    with pytest.raises(ServiceError, match=r"fails \(307\)"):
        store.read_facts()
    assert not other.seen


def test_what_others_made_is_left_alone(make_index: Any, start: Start) -> None:
    engine = LuceneStub("elasticsearch")
    engine.index = {"mappings": {"properties": {}}}
    store, shown = open_store(address(start(engine)))
    for options in (PushOptions(), PushOptions(force=True), PushOptions(sync=True)):
        with pytest.raises(InputError, match="was not made by splade"):
            push(make_index(), store, str(shown), options)
    assert engine.index == {"mappings": {"properties": {}}}


def test_a_collection_without_a_point_is_taken_up(make_index: Any, start: Start) -> None:
    pytest.importorskip("qdrant_client")
    from tests.engines.web.qdrant_stub import QdrantStub

    engine = QdrantStub()
    store, shown = open_store(address(start(engine), "qdrant"))
    from splade_cli.engines.remote.facts import StoreFacts

    store.prepare(StoreFacts(300))
    assert store.read_facts() is None, "as if the push had ended before its record"
    assert push(make_index(), store, str(shown)).written == 60
    from splade_cli.engines.web.qdrant.bodies import FACTS_ID

    engine.client.delete("docs", [FACTS_ID])
    with pytest.raises(InputError, match="was not made by splade"):
        store.read_facts()


def test_an_answer_that_is_not_whole_is_no_answer(make_index: Any, queries: Any, start: Start) -> None:
    engine = LuceneStub("elasticsearch")
    store, shown = open_store(address(start(engine)))
    push(make_index(), store, str(shown))
    whole = engine._hits

    def torn(body: dict[str, Any]) -> Any:
        return {**whole(body), "_shards": {"failed": 1}}

    engine._hits = torn  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match="1 shards failed"):
        RemoteEngine.open(store, str(shown)).search(queries, 3)


def test_a_server_that_is_another_one(make_index: Any, start: Start) -> None:
    class Web:
        def answer(self, request: Any) -> Any:
            return ["a page"]

    store, shown = open_store(address(start(Web())))
    with pytest.raises(ServiceError, match="answers, but with no JSON object"):
        push(make_index(), store, str(shown))


def test_a_search_does_not_wait_as_long_as_a_push(
    make_index: Any, queries: Any, stub: Stub, store_url: str, shown: str, pauses: list[float]
) -> None:
    index = make_index()
    store, _ = open_store(store_url)
    push(index, store, shown)
    for read in (
        lambda: store.search(queries, 3),
        lambda: store.fetch(index.ids[:2]),
        lambda: store.vectors(index.ids[:2]),
        lambda: store.chunks_of(index.chunks[0].document_id),
    ):
        pauses.clear()
        stub.faults = [(503, {"Retry-After": "3"})] * 50
        with pytest.raises(ServiceError, match=r"is busy \(503\)"):
            read()
        assert not pauses, "three seconds are more than a search has"


def test_a_refusal_is_not_the_fault_of_who_searches(
    make_index: Any, queries: Any, stub: Stub, store_url: str, shown: str
) -> None:
    store, _ = open_store(store_url)
    push(make_index(), store, shown)
    for status in (400, 401, 403, 404):
        stub.faults = [status] * 50
        with pytest.raises(ServiceError, match=rf"\({status}\)") as caught:
            store.search(queries, 3)
        told = refusal_of(caught.value)
        assert told.status == 503 and str(stub.port) not in f"{told.message} {told.hint}"


def test_a_dry_run_with_force_counts_all_rows(make_index: Any, store_url: str, shown: str) -> None:
    store, _ = open_store(store_url)
    index = make_index()
    push(index, store, shown)
    done = push(index, store, shown, PushOptions(force=True, dry_run=True))
    assert (done.written, done.deleted, done.unchanged) == (60, 0, 0)
    assert store.count() == 60 and store.read_facts(), "nothing was cleared"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("elasticsearch+http://h/Docs", "is no name of an index"),
        ("opensearch+http://h/docs?field=best", "field=best in"),
        ("elasticsearch+http://h/docs?field=seismic", "unknown parameter 'field'"),
        ("qdrant+http://h/docs?collection=x&k=1", "unknown parameter 'k'"),
        ("qdrant+http://h/a/docs", "more than one name behind its host"),
        ("elasticsearch+https://me:secret@h/../docs", r"https://me:\*\*\*@h/../docs' has more than one name"),
        ("vespa+http://h:8080/docs", "Vespa has one set of documents"),
    ],
)
def test_addresses_that_cannot_be(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_store(url)
