"""Errors of the API: statuses, waits that are asked for, bodies that repeat the key."""

from __future__ import annotations

import email.utils
import json
import time
from typing import Any

from reliability.llm.call import Call, Reply, completion, healthy

ESCAPES = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e"


def with_body(body: Any, status: int = 200) -> Reply:
    """A response with this body, which is no usable answer."""

    def reply(call: Call) -> bool:
        call.send(body, status)
        return False

    return reply


def _status(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    def reply(call: Call) -> bool:
        call.send({"error": {"message": message, "type": code, "code": code}}, status, **headers)
        return False

    return reply


def busy_until_date(call: Call) -> bool:
    date = email.utils.formatdate(time.time() + 1, usegmt=True)
    return _status(429, "slow down", Retry_After=date)(call)


def no_such_format(call: Call) -> bool:
    """A server that knows no response_format: it answers all requests without one."""
    if "response_format" not in call.request:
        return healthy(call)
    call.send({"error": {"message": "response_format is not supported"}}, 400)
    return False


def repeats_the_key(call: Call) -> bool:
    said = str(call.handler.headers.get("Authorization"))
    call.send({"error": {"message": f"bad header Authorization: {said}", "key": said}}, 400)
    return False


def key_in_the_answer(call: Call) -> bool:
    said = str(call.handler.headers.get("Authorization"))
    call.send(completion(json.dumps({"queries": [f"what is {said}", said]}), finish=said))
    return False


def html_error(call: Call) -> bool:
    call.send(b"<html><h1>502 Bad Gateway</h1></html>", 502, Content_Type="text/html")
    return False


ERRORS: dict[str, Reply] = {
    "400": _status(400, "Bad request"),
    "401": _status(401, "Invalid key"),
    "402": _status(402, "Insufficient balance"),
    "403": _status(403, "Not in your region"),
    "404": _status(404, "Not found"),
    "404, no such model": _status(404, "The model `m` does not exist", "model_not_found"),
    "408": _status(408, "Timeout"),
    "409": _status(409, "Conflict"),
    "413": _status(413, "Too large"),
    "422": _status(422, "Unprocessable"),
    "429": _status(429, "slow down"),
    "429, Retry-After in seconds": _status(429, "slow down", Retry_After="1"),
    "429, Retry-After a date": busy_until_date,
    "429, Retry-After absurd": _status(429, "slow down", Retry_After="-nan"),
    "429, Retry-After infinite": _status(429, "slow down", Retry_After="1e999"),
    "429, insufficient_quota": _status(429, "You exceeded your quota", "insufficient_quota"),
    "500": _status(500, "Internal error"),
    "502, a page": html_error,
    "503": _status(503, "Overloaded"),
    "503, Retry-After": _status(503, "Overloaded", Retry_After="1"),
    "504": _status(504, "Gateway timeout"),
    "error with status 200": with_body({"error": {"message": "backend crashed", "code": 500}}),
    "error without shape": with_body([["no", {"detail": None}]], 500),
    "error with escapes": _status(400, f"{ESCAPES}no"),
    "unsupported response_format": no_such_format,
    "key repeated in an error": repeats_the_key,
    "key repeated in an answer": key_in_the_answer,
}
