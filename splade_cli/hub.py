"""The Hugging Face hub: whether it answers, and what the errors of its client mean."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")
PATIENCE = 10.0
"""Seconds to wait for a connection; the client would try again for more than a minute."""


@dataclass(frozen=True)
class HubFailure:
    """Why a request to the hub failed.

    Attributes:
        kind: ``offline`` (the client was told not to ask), ``unreachable``, ``forbidden`` (gated, private, or
            not for this token), ``not found`` (no such repository or revision) or ``refused``, any other
            answer.
        status: of the answer, where there was one.
        text: the first line of what the client said.
    """

    kind: str
    status: int | None
    text: str


def hub_failure(error: BaseException) -> HubFailure | None:
    """What an error says of the hub, None where it is about something else, such as a file.

    The hub's own error may lie under those of transformers or datasets, which say it in other words.
    """
    for link in _chain(error):
        kind = _kind(link)
        if kind is not None:
            response = getattr(link, "response", None)
            return HubFailure(kind, getattr(response, "status_code", None), first_line(link))
    return None


def first_line(error: BaseException) -> str:
    """The first line with words of an error, at most 200 characters; its class where it says nothing."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def hub_answers() -> bool:
    """Whether a connection to the hub can be opened; True behind a proxy, where only the client can tell."""
    from huggingface_hub import constants

    if any(os.environ.get(name) for name in PROXIES):
        return True
    address = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it was raised from or while handling, newest first."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _kind(error: BaseException) -> str | None:
    from huggingface_hub import constants, errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return "offline"
    if isinstance(error, errors.GatedRepoError | errors.DisabledRepoError):
        return "forbidden"
    if isinstance(error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError):
        return "not found"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return "offline" if constants.HF_HUB_OFFLINE else "unreachable"
    if isinstance(error, errors.EntryNotFoundError):
        return None  # the repository answered, and lacks one file
    if isinstance(error, errors.HfHubHTTPError):
        return "forbidden" if error.response.status_code in (401, 403) else "refused"
    transport = errors.HfHubHTTPError.__bases__[0]  # of httpx or httpx2, whichever the client is built on
    if isinstance(error, transport | ConnectionError | TimeoutError | socket.gaierror):
        return "unreachable"
    return None
