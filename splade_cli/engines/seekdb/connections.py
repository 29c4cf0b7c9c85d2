"""Connections to a server that speaks MySQL's protocol: as many as threads ask at once, opened anew where it
went away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

import pymysql
from pymysql.connections import Connection

from splade_cli.engines.remote.address import PASSWORD, EngineAddress
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience, patiently
from splade_cli.errors import ServiceError

Result = TypeVar("Result")
PORT = 2881
DATABASE = "test"
SECONDS = 10
ANSWER_SECONDS = 120
"""After which a server that took a statement and says nothing counts as lost."""
_REFUSED = (1044, 1045, 1698)
_MISSING = (1146, 1051)
_PASSING = (1040, 1205, 1213, 2003, 2006, 2013, 2055, 4012, 4119)
"""Error codes that another try may pass: no or a lost connection, too many of them, a lock, a timeout."""


class Connections:
    """Idle connections of one server. Safe to be used from many threads, each of which takes one at a time.

    Every method raises ServiceError where the server cannot be reached, or refuses.
    """

    def __init__(self, address: EngineAddress) -> None:
        self.address = address
        self._lock = Lock()
        self._idle: list[Connection[Any]] = []

    def rows(self, text: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query gives; somebody waits for it."""

        def ask(cursor: Any) -> list[tuple[Any, ...]]:
            cursor.execute(text, values)
            return list(cursor.fetchall())

        return self._call(ask, SEARCHING)

    def run(self, text: str, values: Sequence[object] = ()) -> None:
        """Executes a statement that changes something; a server that starts again is waited for."""
        self._call(lambda cursor: cursor.execute(text, values), LOADING)

    def close(self) -> None:
        """Closes those that are idle."""
        with self._lock:
            idle = self._idle
            self._idle = []
        for connection in idle:
            connection.close()

    def _call(self, call: Callable[[Any], Result], patience: Patience) -> Result:
        def once() -> Result:
            with self._one() as connection, connection.cursor() as cursor:
                return call(cursor)

        try:
            return patiently(once, _is_passing, patience)
        except (pymysql.MySQLError, OSError) as error:
            said = " ".join(str(error).split())[:300]
            hint = "is the server running? An interrupted push goes on where it was"
            if error.args and error.args[0] in _REFUSED:
                hint = f"check user and password ({PASSWORD}, or in the URL)"
            elif error.args and error.args[0] in _MISSING:
                hint = "push the index again"
            raise ServiceError(f"{self.address}: {said}", hint) from None

    @contextmanager
    def _one(self) -> Iterator[Connection[Any]]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._open()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)

    def _open(self) -> Connection[Any]:
        address = self.address
        return pymysql.connect(
            host=address.host or "127.0.0.1",
            port=address.port or PORT,
            user=address.user or "root",
            password=address.password,
            database=address.path or DATABASE,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=SECONDS,
            read_timeout=ANSWER_SECONDS,
            write_timeout=ANSWER_SECONDS,
        )


def _is_passing(error: Exception) -> bool:
    if isinstance(error, pymysql.MySQLError):
        return bool(error.args) and error.args[0] in _PASSING
    return isinstance(error, ConnectionError)
