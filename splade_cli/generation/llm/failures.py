"""Failures of an LLM server: which pass, which concern one passage, which end a run; what to say of them."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.endpoint import Endpoint

LONGEST_WAIT = 120.0
RESUME = "nothing is lost: run the same command again to go on from there"
_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}


def status_of(error: Exception) -> int:
    """The HTTP status of a response, 0 where there was none."""
    return int(getattr(error, "status_code", 0) or 0)


def is_permanent(error: Exception) -> bool:
    """Whether the same request would be refused again."""
    status = status_of(error)
    return 400 <= status < 500 and status not in (408, 409, 429)


def fatal_error(error: Exception, endpoint: Endpoint, model: str, message: str) -> ServiceError | None:
    """What ends the run, since no request has a chance; None for all other failures."""
    status = status_of(error)
    where = endpoint.shown
    codes = {getattr(error, "code", None), getattr(error, "type", None)}
    if status == 402 or codes & _NO_QUOTA:
        return ServiceError(f"no quota left at {where}: {message}", f"add credit; {RESUME}")
    if status == 401:
        hint = "set OPENAI_API_KEY or SPLADE_API_KEY to a valid key"
        return ServiceError(f"{where} refuses the API key: {message}", hint)
    if status == 403:
        return ServiceError(f"{where} forbids this: {message}", "check what the key may use, and the region")
    if status == 404:
        return ServiceError(
            f"{where} does not know the model {model!r}, or is no API address: {message}",
            f"list the models with: curl {where}/models (an address usually ends in /v1)",
        )
    return None


def lasting_error(error: Exception, endpoint: Endpoint, message: str) -> ServiceError | None:
    """What ends the run once retries are used up: no connection, or a rate limit that stays."""
    import openai

    where = endpoint.shown
    if isinstance(error, openai.APIConnectionError):
        return ServiceError(
            f"cannot reach {where}: {message}", f"start that server, or check its base URL; {RESUME}"
        )
    if status_of(error) == 429:
        return ServiceError(
            f"{where} is still over its rate limit: {message}", f"set a lower rate limit; {RESUME}"
        )
    return None


def server_message(error: Exception, key: str) -> str:
    """The server's own words, short, and without the API key, which some servers repeat."""
    body: Any = getattr(error, "body", None)
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("detail") or body
    if isinstance(body, list):
        # FastAPI repeats the whole request under "input", and with it words that are not the complaint.
        rows = [row for row in body if isinstance(row, Mapping)]
        body = "; ".join(f"{row.get('loc')} {row.get('msg')}" for row in rows)
    message = " ".join(str(body or error.__cause__ or error).split())
    if key:
        message = message.replace(key, "***")
    return message[:300]


def retry_after(error: Exception) -> float | None:
    """The server's Retry-After in seconds, up to two minutes, if it named one."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        date = email.utils.parsedate_tz(value)
        if date is None:
            return None
        seconds = email.utils.mktime_tz(date) - time.time()
    return min(max(0.0, seconds), LONGEST_WAIT)
