"""An HTTP client of one server: JSON in and out, timeouts, and patience where the server asks for it.

Asked again is after a connection that fails or breaks, and after 429, 502, 503 and 504, no sooner than
``Retry-After`` says; whatever is sent twice has the same outcome as once. Redirects are not followed, so that
no secret goes to another server, and no secret stands in an error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from splade_cli.engines.remote.address import PASSWORD, TOKEN, EngineAddress
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience, patiently
from splade_cli.engines.web.answers import SHOWN, Answer, Shape, part_of
from splade_cli.errors import ServiceError

if TYPE_CHECKING:
    import httpx2

PASSING = (429, 502, 503, 504)
CONNECT_SECONDS = 10.0
MOST_ANSWER = 1 << 28
"""Bytes of an answer."""
JSON, LINES = "application/json", "application/x-ndjson"


class PassingError(ServiceError):
    """A failure that may be over a little later.

    Attributes:
        retry_after: seconds that the server wants to be left alone.
    """

    def __init__(self, message: str, hint: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class JsonClient:
    """See the file. Safe to be used from many threads.

    Args:
        address: of the server; its `base_url` goes before each path.
        headers: of each request, secrets among them.
        clock: seconds, by which the time is told that the body of an answer takes.
    """

    def __init__(
        self,
        address: EngineAddress,
        headers: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        import httpx2

        self.address = address
        self._clock = clock
        auth = (address.user, address.password) if address.user and address.password else None
        self._client = httpx2.Client(
            base_url=address.base_url,
            headers={"Accept": JSON, **headers},
            auth=auth,
            follow_redirects=False,
            timeout=httpx2.Timeout(SEARCHING.answer, connect=CONNECT_SECONDS),
        )

    def get(self, path: str, *, patience: Patience = SEARCHING) -> Answer:
        """Asks for a path."""
        return self.send("GET", path, patience=patience)

    def post(self, path: str, body: object, *, patience: Patience = SEARCHING) -> Answer:
        """Posts an object."""
        return self.send("POST", path, body, patience=patience)

    def send(
        self, method: str, path: str, body: object = None, *, patience: Patience = LOADING, kind: str = JSON
    ) -> Answer:
        """The answer to a request.

        Args:
            path: with its query, quoted already.
            body: bytes, or an object that is sent as JSON.
            kind: the type of the body.

        Raises:
            ServiceError: it cannot be reached, wants other credentials, answers with no JSON object, or fails
                for longer than there is patience.
        """
        content = b""
        headers = {}
        if body is not None:
            content = body if isinstance(body, bytes) else json_bytes(body)
            headers["Content-Type"] = kind

        def once() -> Answer:
            return self._once(method, path, content, headers, patience.answer)

        return patiently(once, lambda error: isinstance(error, PassingError), patience)

    def _once(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        import httpx2

        timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            with self._client.stream(
                method, path, content=content, headers=dict(headers), timeout=timeout
            ) as response:
                received = self._received(response, seconds)
        except httpx2.TransportError as error:
            said = str(error) or type(error).__name__
            raise PassingError(
                f"{self.address} cannot be reached: {said}",
                "is the server running? An interrupted push goes on where it was",
            ) from None
        except httpx2.HTTPError as error:
            raise ServiceError(f"{self.address}: {error}", "check the address") from None
        return self._answer(response, received)

    def _received(self, response: httpx2.Response, seconds: float) -> bytes:
        """The body, which comes in parts: one that never ends is not waited for, nor kept.

        Args:
            seconds: from now on, when the headers are there: what was sent before may have taken longer.

        Raises:
            ServiceError: more than `MOST_ANSWER`.
            PassingError: parts that still come after that time. One that came late and was the last is
                kept: asked again, the same would come as late.
        """
        until = self._clock() + seconds
        is_late = False
        received = bytearray()
        for part in response.iter_bytes():
            if is_late:
                raise PassingError(f"{self.address} does not end its answer", "is the server overloaded?")
            received += part
            if len(received) > MOST_ANSWER:
                raise ServiceError(
                    f"{self.address} answers with more than {MOST_ANSWER:,} bytes", "ask for less"
                )
            is_late = self._clock() > until
        return bytes(received)

    def _answer(self, response: httpx2.Response, received: bytes) -> Answer:
        status = response.status_code
        reason = reason_of(response, received)
        if status in (401, 403):
            # who asks a server that has this engine behind it has no part in its credentials
            raise ServiceError(
                f"{self.address} refuses ({status}): {reason}",
                f"check the user in the URL, and {PASSWORD} or {TOKEN}",
            )
        if status in PASSING:
            raise PassingError(
                f"{self.address} is busy ({status}): {reason}",
                "wait a little, and type the same again",
                retry_after=_seconds(response.headers.get("retry-after", "")),
            )
        if status >= 500 or 300 <= status < 400:
            raise ServiceError(f"{self.address} fails ({status}): {reason}", "see the log of the server")
        body = _object(received)
        if body is None and 200 <= status < 300:
            raise ServiceError(
                f"{self.address} answers, but with no JSON object: {reason}",
                "is this the address of the engine?",
            )
        return Answer(status, body or {})

    def refusal(self, answer: Answer, what: str) -> ServiceError:
        """An error for an answer that refuses what was asked."""
        said = " ".join(json.dumps(answer.body, ensure_ascii=False).split())[:SHOWN]
        return ServiceError(
            f"{self.address} refuses {what} ({answer.status}): {said}", "see the documentation of the engine"
        )

    def read(self, body: object, shape: type[Shape], *path: str, default: Shape | None = None) -> Shape:
        """What stands at a place of an answer, see `answers.part_of`.

        Raises:
            ServiceError: it is of another type, or not there.
        """
        try:
            return part_of(body, shape, path, default)
        except ValueError as error:
            raise ServiceError(
                f"{self.address} answers otherwise than its engine does, at {error}",
                "is this the address of the engine, and no other program in between?",
            ) from None

    def close(self) -> None:
        """Gives connections back."""
        self._client.close()


def json_bytes(value: object) -> bytes:
    """JSON in UTF-8, without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _object(content: bytes) -> dict[str, Any] | None:
    """A JSON object, an empty one of no bytes, None for anything else."""
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def reason_of(response: httpx2.Response, received: bytes) -> str:
    """What a server said, in one short line."""
    said = received[: 4 * SHOWN].decode("utf-8", "replace")
    return " ".join(said.split())[:SHOWN] or response.reason_phrase


def _seconds(text: str) -> float:
    """Of a ``Retry-After``; a date counts as nothing."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
