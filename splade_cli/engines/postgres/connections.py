"""Connections to a PostgreSQL server: as many as threads ask at once, opened anew where it went away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import psycopg
from psycopg import errors

from splade_cli.engines.remote.address import PASSWORD, EngineAddress
from splade_cli.engines.remote.patience import SEARCHING, Patience
from splade_cli.engines.remote.pool import Pool
from splade_cli.errors import ServiceError

Result = TypeVar("Result")
CONNECT_SECONDS = "10"
_LASTING = ("28", "3D", "53100", "42")
"""Beginnings of SQLSTATE codes that waiting does not change: credentials, no such database, a full disk, and
what is wrong with a statement."""
_REFUSED = ("password", "authentication", "pg_hba", "no password supplied")


class Connections:
    """A pool of one server's. Safe to be used from many threads, each of which takes one at a time.

    Args:
        address: of the server.
        own: names of parameters of the address that are not the server's.
        setup: statements that each connection begins with.
    """

    def __init__(self, address: EngineAddress, own: tuple[str, ...], setup: Callable[[], list[str]]) -> None:
        self.address = address
        self._setup = setup
        self._pool: Pool[psycopg.Connection] = Pool(self._open, _is_passing)
        given = {name: value for name, value in address.parameters if name not in own}
        known = {
            "host": address.host,
            "port": address.port,
            "user": address.user,
            "password": address.password,
            "dbname": address.path,
        }
        options = {name: str(value) for name, value in known.items() if value}
        self._options = {"connect_timeout": CONNECT_SECONDS, "application_name": "splade", **options, **given}

    def run(self, call: Callable[[psycopg.Connection], Result], patience: Patience = SEARCHING) -> Result:
        """What `call` makes of a connection; called again on another where the server went away.

        Raises:
            ServiceError: the server cannot be reached, or refuses.
        """
        try:
            return self._pool.run(call, patience)
        except psycopg.Error as error:
            raise self.failure(error) from None

    def close(self) -> None:
        """Closes those that are idle."""
        self._pool.close()

    def _open(self) -> psycopg.Connection:
        connection: psycopg.Connection = psycopg.connect(**self._options, autocommit=True)  # type: ignore[arg-type]
        try:
            for statement in self._setup():
                connection.execute(statement)  # type: ignore[call-overload]
        except BaseException:
            connection.close()
            raise
        return connection

    def failure(self, error: psycopg.Error) -> ServiceError:
        """An error of the server in words. What it says may name the user and the host, never a password."""
        said = " ".join(str(error).split())
        code = error.sqlstate or ""
        if code.startswith("28") or any(word in said.lower() for word in _REFUSED):
            return ServiceError(
                f"{self.address} refuses: {said}", f"check user and password ({PASSWORD}, or in the URL)"
            )
        if isinstance(error, errors.DiskFull):
            return ServiceError(f"{self.address} has no room left: {said}", "make room on the server")
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return ServiceError(
                f"{self.address} cannot be reached: {said}",
                "is the server running? An interrupted push goes on where it was",
            )
        return ServiceError(
            f"{self.address} refuses: {said}", "was the table made by another version? Push to a new name"
        )


def _is_passing(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    if any(word in str(error).lower() for word in _REFUSED):
        return False
    return not (error.sqlstate or "").startswith(_LASTING)
