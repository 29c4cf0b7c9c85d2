"""A Milvus server, or a file of milvus-lite: calls that are made again where a failure may pass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from pymilvus import MilvusClient, MilvusException

from splade_cli.engines.remote.address import PASSWORD, EngineAddress
from splade_cli.engines.remote.patience import SEARCHING, Patience, patiently
from splade_cli.errors import ServiceError

Result = TypeVar("Result")
SECONDS = 10.0
_UNREACHABLE = 2
_PASSING = ("unavailable", "rate limit", "deadline exceeded")


class Server:
    """A connected client, safe to be used from many threads.

    Args:
        address: ``milvus+http://...`` for a server, ``milvus:///...`` for a file.

    Raises:
        ServiceError: no server answers, or it refuses.
    """

    def __init__(self, address: EngineAddress) -> None:
        # it writes each failed call to the log with a traceback, beside raising it
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        self.address = address
        uri = f"/{address.path}"
        options: dict[str, Any] = {"db_name": address.parameter("db")}
        if address.transport:
            uri = address.base_url
            options |= {"user": address.user, "password": address.password, "token": address.token}
        self.client: MilvusClient = self.call(lambda seconds: MilvusClient(uri, timeout=SECONDS, **options))

    def call(self, call: Callable[[float], Result], patience: Patience = SEARCHING) -> Result:
        """The result of a call of the client, which is told how many seconds it has: without a deadline the
        client waits without end. Raises ServiceError where it fails."""
        try:
            return patiently(lambda: call(patience.answer), _is_passing, patience)
        except (MilvusException, grpc.RpcError, OSError) as error:
            said = " ".join(_said(error).split())[:300]
            hint = "is the server running? An interrupted push goes on where it was"
            if "auth" in said.lower():
                hint = f"check user and password ({PASSWORD}, or in the URL)"
            raise ServiceError(f"{self.address}: {said}", hint) from None


def _is_passing(error: Exception) -> bool:
    """Whether the same call may succeed a little later: no connection, or a server that starts, is busy or
    says nothing."""
    if isinstance(error, MilvusException) and error.code == _UNREACHABLE:
        return True
    if isinstance(error, MilvusException | grpc.RpcError):
        return any(word in _said(error).lower() for word in _PASSING)
    return isinstance(error, ConnectionError)


def _said(error: Exception) -> str:
    """What an error says, without the state of the connection that one of grpc has."""
    if isinstance(error, grpc.RpcError):
        return str(error.details())
    return str(getattr(error, "message", error))
