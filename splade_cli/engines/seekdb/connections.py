"""Connections to a server that speaks MySQL's protocol: as many as threads ask at once, opened anew where it
went away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pymysql
from pymysql.connections import Connection

from splade_cli.engines.remote.address import PASSWORD, EngineAddress
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience
from splade_cli.engines.remote.pool import Pool
from splade_cli.errors import ServiceError

Result = TypeVar("Result")
PORT = 2881
DATABASE = "test"
SECONDS = 10
_REFUSED = (1044, 1045, 1698)
_MISSING = (1146, 1051)
_PASSING = (1040, 1205, 1213, 2003, 2006, 2013, 2055, 4012, 4119)
"""Error codes that another try may pass: no or a lost connection, too many of them, a lock, a timeout."""


class Connections:
    """A pool of one server's. Safe to be used from many threads, each of which takes one at a time.

    Every method raises ServiceError where the server cannot be reached, or refuses.
    """

    def __init__(self, address: EngineAddress) -> None:
        self.address = address
        self._pool: Pool[Connection[Any]] = Pool(self._open, _is_passing)

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
        self._pool.close()

    def _call(self, call: Callable[[Any], Result], patience: Patience) -> Result:
        def ask(connection: Connection[Any]) -> Result:
            with connection.cursor() as cursor:
                return call(cursor)

        try:
            return self._pool.run(ask, patience)
        except (pymysql.MySQLError, OSError) as error:
            said = " ".join(str(error).split())[:300]
            hint = "is the server running? An interrupted push goes on where it was"
            if error.args and error.args[0] in _REFUSED:
                hint = f"check user and password ({PASSWORD}, or in the URL)"
            elif error.args and error.args[0] in _MISSING:
                hint = "push the index again"
            raise ServiceError(f"{self.address}: {said}", hint) from None

    def _open(self) -> Connection[Any]:
        address = self.address
        opened: Connection[Any] = pymysql.connect(
            host=address.host or "127.0.0.1",
            port=address.port or PORT,
            user=address.user or "root",
            password=address.password,
            database=address.path or DATABASE,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=SECONDS,
            read_timeout=LOADING.answer,
            write_timeout=LOADING.answer,
        )
        return opened


def _is_passing(error: Exception) -> bool:
    if isinstance(error, pymysql.MySQLError):
        return bool(error.args) and error.args[0] in _PASSING
    return isinstance(error, ConnectionError)
