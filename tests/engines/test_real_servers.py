"""Every engine that starts here, on its real server: one set of checks against exact search of the index."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.pushing.parity import parity
from splade_cli.engines.remote.pushing.push import PushOptions, push
from splade_cli.engines.remote.store import Store
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.records import EncoderInfo

pytestmark = pytest.mark.slow
FILTERS = (
    "lang = en",
    "lang != en",
    "lang in (en, no)",
    "lang not in (en, no)",
    "lang = n*",
    "lang = '?o'",
    "lang ~ STRASSE",
    "lang ~ o",
    "year = 2021",
    "year >= 2020",
    "year < 10",
    "year > '2021'",
    "year < '2021-06'",
    "year = -3",
    "draft = yes",
    "draft = false",
    "tags = b",
    "tags = 7",
    "tags exists",
    "not (tags exists)",
    "tags not in (b)",
    "author.name ~ neil",
    "notes ~ '% _'",
    "notes = '100% _sure_ \\ yes'",
    "notes = 100*",
    "extension = md or extension = txt",
    "folder = guide and not (year > 2020)",
    "title = T1 and (lang = en or draft exists)",
    "id = 'a b'",
    "id > m",
    "document_id in (d1, d2)",
)
Open = Callable[[], Store]


def pushed(index: SpladeIndex, open_new: Open, shown: str, **options: Any) -> RemoteEngine:
    store = open_new()
    push(index, store, shown, PushOptions(batch_rows=7, **options))
    return RemoteEngine.open(store, shown)


def assert_same(index: SpladeIndex, remote: RemoteEngine, queries: sp.csr_matrix, k: int = 10) -> None:
    found = parity(index, LocalEngine(index), remote, queries, remote.store.tolerance, k)
    assert (found.recall, found.queries) == (1.0, 19)
    assert found.score_difference < max(1e-5, remote.store.tolerance)


def test_what_is_pushed_is_found_and_read_again(
    make_index: Any, queries: sp.csr_matrix, open_new: Open, shown: str
) -> None:
    index = make_index()
    remote = pushed(index, open_new, shown)
    exact = LocalEngine(index)
    assert_same(index, remote, queries)
    ids = list(index.ids)
    if not remote.store.limits.empty:
        ids.pop()  # the last row has no weight, and no query finds it
    assert len(remote) == remote.store.count() == len(ids)
    assert remote.fetch(ids) == exact.fetch(ids)
    assert remote.chunks_of("d2") == exact.chunks_of("d2")
    assert remote.chunks_of("nothing") == []
    assert remote.fields() == exact.fields()
    assert sorted(remote.ids()) == sorted(ids)
    if "vectors" in remote.capabilities:
        # seekdb gives six digits of a weight back
        assert abs(remote.vectors(ids) - index.vectors_of(ids)).max() < 1e-5
    with pytest.raises(InputError, match="no document 'nothing'"):
        remote.fetch(["nothing"])


def test_a_text_that_shares_no_term_is_no_result(make_index: Any, open_new: Open, shown: str) -> None:
    index = make_index(10)
    remote = pushed(index, open_new, shown)
    unused = sp.csr_matrix((1, index.dimensions), dtype=np.float32)
    assert [len(ids) for ids in remote.search(unused, 5).ids] == [0]
    column = int(np.flatnonzero(index.df == 1)[0])
    alone = sp.csr_matrix(([2.0], ([0], [column])), shape=(1, index.dimensions), dtype=np.float32)
    assert remote.search(alone, 10).ids == LocalEngine(index).search(alone, 10).ids
    with pytest.raises(InputError, match=r"queries have 7 dimensions, .* has 300"):
        remote.search(sp.csr_matrix((1, 7), dtype=np.float32), 1)


def test_filters_pass_what_the_local_index_passes(
    make_index: Any, queries: sp.csr_matrix, open_new: Open, shown: str
) -> None:
    index = make_index(without=frozenset({59}))
    remote = pushed(index, open_new, shown)
    exact = LocalEngine(index)
    for text in FILTERS:
        filter = parse_filter(text)
        assert remote.count(filter) == exact.count(filter), text
        wanted = exact.search(queries[:6], 5, filter)
        found = remote.search(queries[:6], 5, filter)
        assert [len(ids) for ids in found.ids] == [len(ids) for ids in wanted.ids], text
        for scores, others in zip(found.scores, wanted.scores, strict=True):
            np.testing.assert_allclose(scores, others, rtol=1e-5, err_msg=text)
    with pytest.raises(InputError, match="no field 'langg'"):
        remote.count(parse_filter("langg = en"))


def test_a_second_push_meanwhile_is_refused(make_index: Any, open_new: Open, shown: str) -> None:
    index = make_index()
    store = open_new()
    other = open_new()
    refused: list[str] = []

    def meanwhile(stage: str, done: int, total: int | None) -> None:
        if done == 21:
            with pytest.raises(InputError, match="another push to .* is under way") as told:
                push(index, other, shown, PushOptions(force=True))
            refused.append(str(told.value))

    push(index, store, shown, PushOptions(batch_rows=7), meanwhile)
    assert len(refused) == 1
    facts = store.read_facts()
    assert facts is not None and facts.lease is None and facts.generation == 1
    assert push(index, other, shown, PushOptions(sync=True)).written == 0


def test_a_sync_follows_what_was_added_changed_and_deleted(
    make_index: Any, queries: sp.csr_matrix, open_new: Open, shown: str
) -> None:
    pushed(make_index(50), open_new, shown)
    after = make_index(60, without=frozenset({0, 9, 30}), changed=frozenset({5, 31}))
    store = open_new()
    with pytest.raises(InputError, match="holds generation 1 of an index"):
        push(after, store, shown)
    empty = int(not store.limits.empty)
    planned = push(after, store, shown, PushOptions(sync=True, dry_run=True))
    assert store.count() == 50 - empty
    done = push(after, store, shown, PushOptions(sync=True, batch_rows=7))
    assert (done.written, done.deleted, done.unchanged) == (14 - empty, 3, 43)
    assert (planned.written, planned.deleted) == (14 - empty, 3)
    remote = RemoteEngine.open(store, shown)
    assert_same(after, remote, queries)
    assert sorted(remote.ids()) == sorted(after.ids[: 57 - empty])
    assert remote.fetch([after.ids[4]])[0].text == "changed 5"
    again = push(after, store, shown, PushOptions(sync=True))
    assert (again.written, again.deleted, again.unchanged) == (0, 0, 57 - empty)


def test_an_interrupted_push_goes_on_where_it_was(
    make_index: Any, queries: sp.csr_matrix, open_new: Open, shown: str
) -> None:
    index = make_index()

    def stop(stage: str, done: int, total: int | None) -> None:
        if done >= 21:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(index, open_new(), shown, PushOptions(batch_rows=7), stop)
    with pytest.raises(InputError, match="holds a part of an index"):
        RemoteEngine.open(open_new(), shown)
    store = open_new()
    done = push(index, store, shown, PushOptions(batch_rows=7))
    assert (done.resumed, done.unchanged, done.written) == (True, 21, 39 - int(not store.limits.empty))
    assert_same(index, RemoteEngine.open(store, shown), queries)


def test_an_index_of_another_model_is_refused_and_force_begins_anew(
    make_index: Any, open_new: Open, shown: str
) -> None:
    pushed(make_index(20), open_new, shown)
    store = open_new()
    narrow = SpladeIndex.from_vectors(sp.csr_matrix(np.eye(4, dtype=np.float32)))
    with pytest.raises(InputError, match=r"the index has 4 dimensions, .* has 300"):
        push(narrow, store, shown, PushOptions(sync=True))
    other = make_index(20)
    other.info = type(other.info)(encoder=EncoderInfo("another", "2" * 64))
    with pytest.raises(InputError, match="was filled by another model than another"):
        push(other, store, shown, PushOptions(sync=True))
    push(narrow, store, shown, PushOptions(force=True))
    assert RemoteEngine.open(store, shown).dimensions == 4


def test_four_million_dimensions_are_taken_or_refused_before_anything_is_written(
    make_index: Any, open_new: Open, shown: str
) -> None:
    latent = sp.csr_matrix(([1.0, 2.0], ([0, 1], [3_999_999, 7])), shape=(2, 4_000_000), dtype=np.float32)
    index = SpladeIndex.from_vectors(latent)
    store = open_new()
    most = store.limits.dimensions
    if most is not None and most < latent.shape[1]:
        with pytest.raises(InputError, match="takes at most 500,000 dimensions, the index has 4,000,000"):
            push(index, store, shown)
        assert store.read_facts() is None
        return
    push(index, store, shown)
    assert RemoteEngine.open(store, shown).search(latent, 2).ids == [["0"], ["1"]]


def test_many_threads_search_at_once(
    make_index: Any, queries: sp.csr_matrix, open_new: Open, shown: str
) -> None:
    index = make_index()
    remote = pushed(index, open_new, shown)
    wanted = remote.search(queries, 5).ids
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: remote.search(queries[number], 5).ids[0], [*range(20)] * 4))
    assert answers == wanted * 4
