"""Failures of an LLM server: which pass, which concern one passage, which end a run; what to say of them."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterable, Mapping
from typing import Any

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.client.endpoint import Endpoint

LONGEST_WAIT = 120.0
RESUME = "nothing is lost: run the same command again to go on from there"
_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_BEFORE_SENDING = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL"}
_LONGEST_SENSIBLE_WAIT = 7 * 86400.0


class BrokenOffError(Exception):
    """A response that broke off, or whose body is not what its head says."""


def status_of(error: Exception) -> int:
    """The HTTP status of a response, 0 where there was none."""
    return int(getattr(error, "status_code", 0) or 0)


def is_permanent(error: Exception) -> bool:
    """Whether the same request would be refused again."""
    status = status_of(error)
    return 400 <= status < 500 and status not in (408, 409, 429)


def may_be_charged(error: Exception) -> bool:
    """Whether a server may have worked, and charge, for a call that has no whole answer."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return type(error.__cause__).__name__ not in _BEFORE_SENDING
    return isinstance(error, TimeoutError | BrokenOffError)


def fatal_error(error: Exception, endpoint: Endpoint, model: str, message: str) -> ServiceError | None:
    """What ends the run, since no request has a chance; None for all other failures."""
    status = status_of(error)
    where = endpoint.shown
    codes = {str(getattr(error, "code", "")), str(getattr(error, "type", ""))}
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


def failed_passages(error: Exception, endpoint: Endpoint, count: int, message: str) -> ServiceError:
    """What ends the run after `count` passages in a row without an answer."""
    passages = f"{count} passages in a row" if count > 1 else "the first passage"
    hint = RESUME
    if isinstance(error, TimeoutError):
        hint = f"a longer timeout may help; {RESUME}"
    return ServiceError(f"{endpoint.shown} failed {passages}, the last with: {message}", hint)


def server_message(error: Exception, secrets: Iterable[str]) -> str:
    """The server's own words on one short line, without `secrets`, which some servers repeat."""
    body: Any = getattr(error, "body", None)
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("detail") or body
    if isinstance(body, list):
        # FastAPI repeats the whole request under "input", and with it words that are not the complaint.
        rows = [row for row in body if isinstance(row, Mapping)]
        body = "; ".join(f"{row.get('loc')} {row.get('msg')}" for row in rows)
    words = str(body or error.__cause__ or error or type(error).__name__)[:20_000]
    for secret in secrets:
        words = words.replace(secret, "***")
    return " ".join(words.encode("utf-8", "replace").decode().split())[:300]


def retry_after(error: Exception) -> float | None:
    """The server's Retry-After in seconds, up to two minutes, if it named a time that makes sense."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError, TypeError):
            return None
    # also not a number, which is in no range
    if not -_LONGEST_SENSIBLE_WAIT <= seconds <= _LONGEST_SENSIBLE_WAIT:
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)
