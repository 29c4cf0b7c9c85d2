"""A connection pool: idle connections of one server, which threads take one at a time.

A server that starts again closes them all, which is seen only when one is used. So a call that fails on a
connection that lay idle is made once more at once, on a new one, and the other idle ones go as well.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from splade_cli.engines.remote.patience import Patience, patiently

Result = TypeVar("Result")


class Connection(Protocol):
    """What a pool asks of a connection."""

    def close(self) -> object: ...


Opened = TypeVar("Opened", bound=Connection)


class Pool(Generic[Opened]):
    """Safe to be used from many threads.

    Args:
        connect: opens a connection.
        is_passing: whether a call that failed so may succeed a little later; a lost connection is.
    """

    def __init__(self, connect: Callable[[], Opened], is_passing: Callable[[Exception], bool]) -> None:
        self._connect = connect
        self._is_passing = is_passing
        self._lock = Lock()
        self._idle: list[Opened] = []

    def run(self, call: Callable[[Opened], Result], patience: Patience) -> Result:
        """What `call` makes of a connection; made again, on others, for as long as there is patience.

        Raises:
            Exception: what `call` or opening a connection raised last.
        """

        def once() -> Result:
            connection = self._taken()
            if connection is not None:
                try:
                    return self._used(connection, call)
                except Exception as error:
                    if not self._is_passing(error):
                        raise
                    self.close()
            return self._used(self._connect(), call)

        return patiently(once, self._is_passing, patience)

    def close(self) -> None:
        """Closes those that are idle."""
        with self._lock:
            idle = self._idle
            self._idle = []
        for connection in idle:
            connection.close()

    def _taken(self) -> Opened | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _used(self, connection: Opened, call: Callable[[Opened], Result]) -> Result:
        try:
            result = call(connection)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        return result
