"""Bulk requests: many operations at once, each of which may fail for itself in an answer that says 200."""

from __future__ import annotations

import time
from collections.abc import Sequence

from splade_cli.engines.remote.patience import LOADING, Patience
from splade_cli.engines.web.answers import SHOWN
from splade_cli.engines.web.client import LINES, JsonClient
from splade_cli.engines.web.lucene.replies import Item
from splade_cli.errors import InputError, ServiceError

REQUEST_BYTES = 8_000_000
Operation = tuple[str, bytes]
"""An id, and the lines that write or delete its document."""


def send_bulk(
    client: JsonClient, index: str, operations: Sequence[Operation], patience: Patience = LOADING
) -> None:
    """Sends operations, in requests of about `REQUEST_BYTES`; those that the server was too busy for are sent
    again.

    Raises:
        InputError: a document that the server refuses, with its reason.
        ServiceError: as `JsonClient.send`, and where it stays too busy.
    """
    part: list[Operation] = []
    size = 0
    for operation in operations:
        if part and size + len(operation[1]) > REQUEST_BYTES:
            _send_part(client, index, part, patience)
            part = []
            size = 0
        part.append(operation)
        size += len(operation[1])
    if part:
        _send_part(client, index, part, patience)


def _send_part(client: JsonClient, index: str, operations: Sequence[Operation], patience: Patience) -> None:
    left = list(operations)
    wait = patience.first
    waited = 0.0
    while left:
        content = b"".join(lines for _, lines in left)
        answer = client.send("POST", f"/{index}/_bulk", content, patience=patience, kind=LINES)
        if answer.status == 413 and len(left) > 1:  # too large for this server: by halves
            half = len(left) // 2
            _send_part(client, index, left[:half], patience)
            left = left[half:]
            continue
        if not answer.is_good:
            raise client.refusal(answer, f"a bulk request of {len(left)} documents")
        left = _too_busy_for(client, left, client.read(answer.body, list[Item], "items"))
        if not left:
            return
        if waited + wait > patience.seconds:
            raise ServiceError(
                f"{client.address} is too busy for {len(left)} documents",
                "wait a little, and type the same again: it goes on where it was",
            )
        time.sleep(wait)
        waited += wait
        wait = min(2 * wait, patience.most)


def _too_busy_for(
    client: JsonClient, operations: Sequence[Operation], items: Sequence[Item]
) -> list[Operation]:
    """The operations that may be sent again. Raises InputError for one that is refused."""
    if len(items) != len(operations):
        raise ServiceError(
            f"{client.address} says what became of {len(items)} documents, not of {len(operations)}",
            "is this the address of the engine?",
        )
    again = []
    for operation, item in zip(operations, items, strict=True):
        ((action, outcome),) = item.items()
        status = outcome.status
        if 200 <= status < 300 or (action == "delete" and status == 404):
            continue
        if status in (429, 503):
            again.append(operation)
            continue
        reason = outcome.error
        if isinstance(reason, dict):
            reason = reason.get("reason", reason)
        raise InputError(
            f"{client.address} refuses '{operation[0]}' ({status}): {str(reason)[:SHOWN]}",
            "what was written before it stays; mend the document, and type the same again",
        )
    return again
