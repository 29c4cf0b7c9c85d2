"""HTTP errors: what a request is refused with, as ``{"error": ..., "hint": ...}`` and a status."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from splade_cli.errors import InputError, MachineError, ModelError, ServiceError, SpladeError

log = logging.getLogger("splade_cli.server")
RETRY_SECONDS = 1


class Refusal(Exception):
    """A request that is not answered: `status` 4xx where asking otherwise helps, 5xx where waiting does."""

    def __init__(
        self, status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})


def busy(message: str, hint: str) -> Refusal:
    """A 503 that says when to ask again."""
    return Refusal(503, message, hint, {"Retry-After": str(RETRY_SECONDS)})


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON in ASCII: a text that came as half of a surrogate pair can be sent as well."""
    body = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return Response(body, status, headers, "application/json")


def response_of(refusal: Refusal) -> Response:
    """A refusal as it is sent."""
    content = {"error": refusal.message, "hint": refusal.hint}
    return json_response(content, refusal.status, refusal.headers)


def refusal_of(error: SpladeError) -> Refusal:
    """An expected failure as a refusal; what is wrong with this machine is for its owner to read, in the
    log."""
    hint = error.hint
    if error.option and error.option not in hint:
        hint = f"{hint} ({error.option})"
    if isinstance(error, InputError):
        return Refusal(400, error.message, hint)
    log.error("%s: %s", error.message, hint)
    if isinstance(error, MachineError):
        return busy("the server's machine has no room for this now", "ask again later")
    if isinstance(error, ServiceError):
        return busy("the engine that finds the texts does not answer now", "ask again later")
    if isinstance(error, ModelError):
        return Refusal(424, "the model that this needs cannot be used here", "see the server's log")
    return Refusal(500, "the index cannot be read", "see the server's log")


async def on_refusal(request: Request, error: Exception) -> Response:
    """Answers a `Refusal`."""
    assert isinstance(error, Refusal)
    return response_of(error)


async def on_failure(request: Request, error: Exception) -> Response:
    """Answers a failure of the library's."""
    assert isinstance(error, SpladeError)
    return response_of(refusal_of(error))


async def on_http(request: Request, error: Exception) -> Response:
    """Answers what the router refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)
    hint = "GET /openapi.json lists what there is"
    message = {404: f"no such path: {request.url.path[:200]}", 405: f"{request.method} is not for this path"}
    return response_of(
        Refusal(error.status_code, message.get(error.status_code, str(error.detail)), hint, error.headers)
    )


async def on_fault(request: Request, error: Exception) -> Response:
    """Answers a fault of ours; the traceback goes to the log, never to whoever asked."""
    return response_of(Refusal(500, "the server failed at this", "its log says at what"))
