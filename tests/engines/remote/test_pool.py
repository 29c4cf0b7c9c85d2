"""A pool of connections: a server that started again is told from one that is away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from splade_cli.engines.remote.patience import Patience
from splade_cli.engines.remote.pool import Pool

NONE = Patience(0.0, whole=0.0)


class Server:
    """Connections of one generation fail when the server has started again."""

    def __init__(self) -> None:
        self.generation = 0
        self.opened: list[Made] = []
        self.is_away = False

    def connect(self) -> Made:
        if self.is_away:
            raise ConnectionError("away")
        made = Made(self, self.generation)
        self.opened.append(made)
        return made


class Made:
    def __init__(self, server: Server, generation: int) -> None:
        self.server = server
        self.generation = generation
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def ask(self) -> int:
        assert not self.closed
        if self.generation != self.server.generation:
            raise ConnectionError("lost")
        return self.generation


def is_passing(error: Exception) -> bool:
    return isinstance(error, ConnectionError)


def filled(server: Server, count: int) -> Pool[Made]:
    """A pool with so many idle connections."""
    pool = Pool(server.connect, is_passing)
    together = Barrier(count)
    with ThreadPoolExecutor(count) as threads:
        list(
            threads.map(lambda _: pool.run(lambda made: (together.wait(10), made.ask()), NONE), range(count))
        )
    assert len(server.opened) == count
    return pool


def test_idle_connections_that_were_lost_fail_no_call() -> None:
    server = Server()
    pool = filled(server, 5)
    server.generation = 1
    assert [pool.run(Made.ask, NONE) for _ in range(3)] == [1, 1, 1]
    assert len(server.opened) == 6, "one new connection serves all three"
    assert [each.closed for each in server.opened] == [True] * 5 + [False]


def test_what_is_no_matter_of_connections_is_asked_once() -> None:
    server = Server()
    pool = filled(server, 1)
    asked = []

    def refuse(made: Made) -> None:
        asked.append(made)
        raise ValueError("no such table")

    with pytest.raises(ValueError):
        pool.run(refuse, NONE)
    assert len(asked) == 1 and asked[0].closed


def test_a_server_that_is_away_is_told() -> None:
    server = Server()
    pool = filled(server, 2)
    server.generation = 1
    server.is_away = True
    with pytest.raises(ConnectionError, match="away"):
        pool.run(Made.ask, NONE)
