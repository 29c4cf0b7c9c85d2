"""One query on several threads: the same bits as on one, whoever takes which blocks."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Iterator
from threading import Barrier, get_ident
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import IndexFolderError
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.running import queries, threads
from splade_cli.index.engine.running.answering import LISTS

ROWS = 270_000
Work = Callable[[Iterator[Any]], Any]


@pytest.fixture(scope="module")
def vectors() -> sp.csr_matrix:
    """Five blocks of rows whose weights are quarters, so that many scores are equal across blocks."""
    dice = np.random.default_rng(2)
    terms = np.minimum(dice.zipf(1.4, ROWS * 4), 400) - 1
    weights = (dice.integers(1, 5, ROWS * 4) / 4).astype(np.float32)
    made = sp.csr_matrix((weights, (np.repeat(np.arange(ROWS), 4), terms)), shape=(ROWS, 400))
    made.sum_duplicates()
    return made


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three cores, and an index that is large from the first row on."""
    for module in (queries, threads):
        monkeypatch.setattr(module, "machine_threads", lambda: 3)
    monkeypatch.setattr(queries, "ROWS_ALONE", 0)
    monkeypatch.setattr(queries, "BLOCKS_A_PIECE", 1)
    invitations = threads._invitations
    invitations.cache_clear()
    yield
    invitations.cache_clear()


def dealt(order: tuple[int, ...], taken: list[int]) -> Callable[[Iterable[Any], int, Work], list[Any]]:
    """`share_out` as it is when three threads take pieces in turn, and end in this order."""

    def share_out(pieces: Iterable[Any], count: int, work: Work) -> list[Any]:
        every = list(pieces)
        taken.append(count)
        return [work(iter(every[thread::3])) for thread in order]

    return share_out


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("share", [None, 0.5, 0.0004])
def test_blocks_of_one_query_are_shared_out(
    vectors: sp.csr_matrix,
    several: None,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[int, ...],
    sign: int,
    share: float | None,
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(queries, "share_out", dealt(order, taken))
    postings = Postings.build(vectors)
    allowed = None if share is None else np.random.default_rng(1).random(ROWS) < share
    query = sp.csr_matrix(sign * (vectors[200_000] + vectors[77]))
    for k in (1, 10, 200, ROWS):
        monkeypatch.setattr(queries, "ROWS_ALONE", ROWS)
        numbers, scores = postings.search(query, k, allowed=allowed)
        monkeypatch.setattr(queries, "ROWS_ALONE", 0)
        shared, same = postings.search(query, k, allowed=allowed)
        assert shared.tobytes() == numbers.tobytes() and same.tobytes() == scores.tobytes()
    assert taken == [3] * 4


def test_threads_find_what_one_does(vectors: sp.csr_matrix, several: None) -> None:
    postings = Postings.build(vectors)
    asked = vectors[[5, 150_000, 269_999]] + vectors[[0, 70_000, 140_000]]
    alone = postings.search(asked, 30, threads=1)
    for number in range(3):
        numbers, scores = postings.search(asked[number], 30)
        assert numbers.tobytes() == alone[0][number].tobytes()
        assert scores.tobytes() == alone[1][number].tobytes()


def test_the_way_that_gives_work_to_more_threads(
    vectors: sp.csr_matrix, several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces go up to the last block where one query is shared out, and to the last query where those are."""
    given: list[tuple[int, int]] = []

    def share_out(pieces: Iterable[Any], count: int, work: Work) -> list[Any]:
        every = list(pieces)
        given.append((every[-1][1], count))
        return [work(iter(every))]

    monkeypatch.setattr(queries, "share_out", share_out)
    postings = Postings.build(vectors)
    for count, limit, expected in (
        (1, None, [(5, 3)]),
        (1, 2, [(5, 2)]),
        (1, 1, [(1, 1)]),
        (2, None, [(5, 3)] * 2),
        (2, 2, [(2, 2)]),
        (7, None, [(7, 3)]),
    ):
        given.clear()
        postings.search(vectors[:count], 3, threads=limit)
        assert given == expected
    monkeypatch.setattr(queries, "ROWS_ALONE", ROWS)
    given.clear()
    postings.search(vectors[:1], 3)
    assert given == [], "a small index calls no thread"


def test_work_is_shared_with_other_threads(several: None) -> None:
    """All three must be at work at once to come past the barrier."""
    together = Barrier(3)

    def work(pieces: Iterator[int]) -> tuple[int, list[int]]:
        together.wait(60)
        return get_ident(), list(pieces)

    results = threads.share_out(range(100), 3, work)
    assert len({thread for thread, _ in results}) == 3
    assert sorted(piece for _, pieces in results for piece in pieces) == list(range(100))


def test_a_thread_that_has_not_begun_is_not_waited_for(
    several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited: list[Callable[[], None]] = []

    class Busy:
        put = staticmethod(invited.append)

    monkeypatch.setattr(threads, "_invitations", lambda: Busy)
    assert threads.share_out(range(4), 9, lambda pieces: list(pieces)) == [[0, 1, 2, 3]]
    assert len(invited) == 2, "no more threads than cores"
    for late in invited:
        late()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_are_searched_in_their_own_arrays(again: Callable[[Postings], Postings]) -> None:
    """After a search, which leaves addresses and what it worked in behind."""
    vectors: Any = sp.random(500, 60, density=0.1, format="csr", dtype=np.float32, random_state=1)
    postings = Postings.build(vectors)
    rows, scores = postings.search(vectors[:5], 9)
    other = again(postings)
    lists = other._lists
    bound = (*lists.postings, *lists.planes, *lists.vectors, *lists.guard)
    assert lists.addresses[::2].tolist() == [array.ctypes.data for array in bound]
    assert len(lists.addresses) == LISTS, "addresses of what a search works in come after them"
    assert not set(map(id, lists.scratch)) & set(map(id, postings._lists.scratch))
    assert all(lists.addresses[:26:2] != postings._lists.addresses[:26:2])
    found = other.search(vectors[:5], 9)
    assert np.array_equal(found[0], rows) and np.array_equal(found[1], scores)


def test_an_error_of_a_thread_is_raised(several: None) -> None:
    together = Barrier(2)
    caller = get_ident()

    def work(pieces: Iterator[int]) -> None:
        together.wait(60)
        if get_ident() != caller:
            raise ValueError("of another thread")

    with pytest.raises(ValueError, match="of another thread"):
        threads.share_out(range(4), 2, work)


def test_damage_that_a_thread_meets_is_named(
    vectors: sp.csr_matrix, several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class File:
        states = np.empty(0, dtype=np.uint8)

        def damage(self, reason: str) -> IndexFolderError:
            return IndexFolderError(reason, "again")

    postings = Postings.build(vectors)
    object.__setattr__(postings, "file", File())
    found = queries._loops()._replace(best_keys=lambda *arguments: -1)
    monkeypatch.setattr(queries, "_loops", lambda: found)
    with pytest.raises(IndexFolderError, match="fit together"):
        postings.search(vectors[:1], 3)
