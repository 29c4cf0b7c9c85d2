"""Chat messages come in, what a server of the OpenAI protocol answers goes out; knows nothing of what is asked or why.

A run over thousands of passages is not stopped by one of them, nor by a server that is busy for a while; it is stopped
at once, with what to do about it, where no request has a chance.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.endpoint import Endpoint

if TYPE_CHECKING:
    import asyncio

_LONGEST_WAIT = 120.0
_BACKOFF = 1.0
_LOST_IN_A_ROW = 3
_RESUME = "nothing is lost: run the same command again to go on from there"


class ChatServer:
    """One run's line to a server: finds out once what it accepts, waits while it is busy, ends a run without hope.

    `formats` are the values of ``response_format`` to try, best first, None for a request without one. `complaint` is
    what the server last said of a request that it will not answer. All of it but the constructor runs in one event
    loop (see `running`), which is why nothing is locked.
    """

    def __init__(self, endpoint: Endpoint, formats: Sequence[dict[str, Any] | None]) -> None:
        import asyncio

        import openai

        self.complaint = ""
        self._endpoint = endpoint
        self._formats = formats
        self._key = endpoint.api_key()
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none-needed",
            base_url=endpoint.base_url,
            # The client's own retries cannot tell a busy server from an empty account.
            max_retries=0,
            # httpx times each read, so a body that drips would never time out: `_persist` has a clock of its own.
            timeout=openai.Timeout(None, connect=min(10.0, endpoint.timeout)),
            # A proxy of the environment's would be asked for a server that only this machine sees.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if endpoint.is_here else None,
        )
        self._options: dict[str, Any] = {
            "max_tokens": endpoint.max_tokens,
            "temperature": endpoint.temperature,
        }
        if endpoint.seed is not None:
            self._options["seed"] = endpoint.seed
        self._format, self._settled = 0, False
        self._next_call = 0.0
        self._lost = 0
        self._end: ServiceError | None = None
        self._ended = asyncio.Event()
        self._probing = asyncio.Lock()
        self._places = asyncio.Semaphore(endpoint.concurrency)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def ask(self, messages: list[dict[str, str]], attempt: int) -> Answer | None:
        """The server's answer, or None where it will not answer this one. Raises ServiceError if it answers none."""
        async with self._places:
            async with self._probing:
                if not self._settled:
                    return await self._persist(messages, attempt)
            return await self._persist(messages, attempt)

    async def _persist(self, messages: list[dict[str, str]], attempt: int) -> Answer | None:
        import asyncio

        import openai

        turn = 0
        while True:
            await self._turn_to_call()
            try:
                answer = await asyncio.wait_for(self._call(messages, attempt), self._endpoint.timeout)
            except (TimeoutError, openai.APIError, ValueError) as error:
                if self._adapted(error):
                    continue
                wait = self._wait(error, turn)
                if wait is None:
                    return None
                turn += 1
                await self._sleep(wait)
            else:
                self._settled, self._lost = True, 0
                return answer

    async def _turn_to_call(self) -> None:
        """Waits until the rate limit, the user's or the server's, allows another call."""
        now = time.monotonic()
        mine = max(self._next_call, now)
        self._next_call = mine + (60 / self._endpoint.rate_limit if self._endpoint.rate_limit else 0.0)
        await self._sleep(mine - now)

    async def _sleep(self, seconds: float) -> None:
        """Waits, but not once another call has ended the run: raises what ended it."""
        import asyncio

        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        if self._end:
            raise self._end

    async def _call(self, messages: list[dict[str, str]], attempt: int) -> Answer:
        request: dict[str, Any] = {"model": self._endpoint.model, "messages": messages, **self._options}
        if "seed" in request:
            # The same seed would give the same unusable answer again.
            request["seed"] += attempt
        if self._formats[self._format] is not None:
            request["response_format"] = self._formats[self._format]
        said: Any = await self._client.chat.completions.create(**request)
        choice = (getattr(said, "choices", None) or [None])[0]
        if choice is None:
            raise ValueError(f"not a chat completion: {getattr(said, 'error', None) or said}")
        content = getattr(getattr(choice, "message", None), "content", None)
        usage = getattr(said, "usage", None)
        return Answer(
            text=content if isinstance(content, str) else "",
            prompt_tokens=getattr(usage, "prompt_tokens", 0) or 0,
            completion_tokens=getattr(usage, "completion_tokens", 0) or 0,
            finish_reason=str(getattr(choice, "finish_reason", "") or ""),
        )

    def _adapted(self, error: Exception) -> bool:
        """Whether the request was changed to what the server said it takes; each change is made once a run at most."""
        status = getattr(error, "status_code", 0)
        if status in (400, 422):
            named = f"{getattr(error, 'param', '')} {self._said(error)}"
            for name in ("max_tokens", "temperature", "seed"):
                if name in self._options and re.search(rf"\b{name}\b", named):
                    value = self._options.pop(name)
                    if name == "max_tokens":
                        self._options["max_completion_tokens"] = value
                    return True
        if (
            status in (400, 415, 422, 500, 501)
            and not self._settled
            and self._format + 1 < len(self._formats)
        ):
            self._format += 1
            return True
        return False

    def _wait(self, error: Exception, turn: int) -> float | None:
        """Seconds until the next try, None to give this passage up; raises where no passage has a chance."""
        import openai

        status = getattr(error, "status_code", 0)
        said, where = self._said(error), self._endpoint.shown
        codes = {getattr(error, "code", None), getattr(error, "type", None)}
        if status == 402 or codes & {
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
        }:
            self._stop(f"no quota left at {where}: {said}", f"add credit; {_RESUME}")
        if status == 401:
            self._stop(
                f"{where} refuses the API key: {said}", "set OPENAI_API_KEY or SPLADE_API_KEY to a valid key"
            )
        if status == 403:
            self._stop(f"{where} forbids this: {said}", "check what the key may use, and the region")
        if status == 404:
            self._stop(
                f"{where} does not know the model {self._endpoint.model!r}, or is no API address: {said}",
                f"list the models with: curl {where}/models (an address usually ends in /v1)",
            )
        lasting = 400 <= status < 500 and status not in (408, 409, 429)
        # What has never answered is more likely a wrong address than a server about to come back.
        retries = self._endpoint.retries if self._settled or status else min(1, self._endpoint.retries)
        if turn < retries and not lasting:
            wait = _retry_after(error)
            if wait is None:
                wait = min(_BACKOFF * 2**turn, 30.0) * random.uniform(0.5, 1.0)
            if status == 429:
                self._next_call = max(self._next_call, time.monotonic() + wait)
            return wait
        if isinstance(error, openai.APIConnectionError):
            self._stop(f"cannot reach {where}: {said}", f"start that server, or check --base-url; {_RESUME}")
        if status == 429:
            self._stop(f"{where} is still over its rate limit: {said}", f"set --rate-limit lower; {_RESUME}")
        if not self._settled:
            self._format = 0
        self._lost += 1
        self.complaint = said
        if self._lost >= _LOST_IN_A_ROW and not (lasting and self._settled):
            hint = _RESUME if status else f"a longer --timeout may help; {_RESUME}"
            self._stop(f"{where} failed {self._lost} passages in a row, the last with: {said}", hint)
        return None

    def _stop(self, message: str, hint: str) -> NoReturn:
        self._end = ServiceError(message, hint)
        self._ended.set()
        raise self._end from None

    def _said(self, error: Exception) -> str:
        """The server's own words, short, and without the key, which some servers repeat."""
        if isinstance(error, TimeoutError):
            return f"no whole answer within {self._endpoint.timeout:g} s"
        body = getattr(error, "body", None)
        text = (body.get("message") or body.get("detail") or body) if isinstance(body, dict) else body
        if isinstance(text, list):
            # FastAPI repeats the whole request under "input", and with it words that are not the complaint.
            text = "; ".join(f"{row.get('loc')} {row.get('msg')}" for row in text if isinstance(row, dict))
        said = " ".join(str(text or error.__cause__ or error).split())
        return (said.replace(self._key, "***") if self._key else said)[:300]


def _retry_after(error: Exception) -> float | None:
    """The server's Retry-After in seconds, up to two minutes, if it named one."""
    import email.utils

    headers = getattr(getattr(error, "response", None), "headers", {})
    value = headers.get("retry-after", "")
    try:
        wait = float(value)
    except ValueError:
        date = email.utils.parsedate_tz(value)
        if date is None:
            return None
        wait = email.utils.mktime_tz(date) - time.time()
    return min(max(0.0, wait), _LONGEST_WAIT)


@contextmanager
def running(server: ChatServer) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own: unlike calls in threads, calls in it can be cut short at any moment."""
    import asyncio

    async def end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="query-writer", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
