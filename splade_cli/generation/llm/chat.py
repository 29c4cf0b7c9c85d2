"""Client of the OpenAI chat completions protocol, asynchronous, with one policy of retries for a whole run.

A run over thousands of passages is not stopped by one of them, nor by a server that is busy for a while; it
is stopped at once, with what to do about it, where no request has a chance.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.endpoint import Endpoint
from splade_cli.generation.llm.failures import (
    RESUME,
    fatal_error,
    is_permanent,
    lasting_error,
    retry_after,
    server_message,
    status_of,
)
from splade_cli.generation.llm.options import Llm

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 30.0
MOST_FAILURES_IN_A_ROW = 3


class ChatClient:
    """One run's line to a server: learns what it accepts, waits while it is busy, ends a run without hope.

    All of it but the constructor runs in one event loop, which is why nothing is locked.

    Attributes:
        complaint: what the server last said of a request that it will not answer.

    Args:
        options: which model, where, how.
        formats: values of ``response_format`` to try, best first, None for a request without one.
        seed: of the sampling; None sends none.

    Raises:
        InputError: no address.
        ServiceError: no API key where one is needed.
    """

    def __init__(self, options: Llm, formats: Sequence[dict[str, Any] | None], seed: int | None) -> None:
        import asyncio

        import openai

        self.complaint = ""
        self._options = options
        self._endpoint = Endpoint.resolve(options.base_url)
        self._formats = formats
        self._key = self._endpoint.api_key()
        http_client = None
        if self._endpoint.is_loopback:
            # A proxy of the environment's would be asked for a server that only this machine sees.
            http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none-needed",
            base_url=self._endpoint.url,
            # The client's own retries cannot tell a busy server from an empty account.
            max_retries=0,
            # httpx times each read, so a body that drips never times out: `_answer` has its own deadline.
            timeout=openai.Timeout(None, connect=min(10.0, options.timeout)),
            http_client=http_client,
        )
        self._sampling: dict[str, Any] = {
            "max_tokens": options.max_tokens,
            "temperature": options.temperature,
        }
        if seed is not None:
            self._sampling["seed"] = seed
        self._format = 0
        self._has_answered = False
        self._next_call = 0.0
        self._failures_in_a_row = 0
        self._fatal: ServiceError | None = None
        self._stopped = asyncio.Event()
        self._probing = asyncio.Lock()
        self._slots = asyncio.Semaphore(options.concurrency)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def ask(self, messages: list[dict[str, str]], attempt: int) -> Answer | None:
        """The answer, None where the server gives none. Raises ServiceError where no request has a chance."""
        async with self._slots:
            async with self._probing:
                if not self._has_answered:
                    return await self._ask_with_retries(messages, attempt)
            return await self._ask_with_retries(messages, attempt)

    async def _ask_with_retries(self, messages: list[dict[str, str]], attempt: int) -> Answer | None:
        import openai

        tries = 0
        while True:
            await self._wait_for_rate_limit()
            try:
                answer = await self._answer(messages, attempt)
            except (TimeoutError, openai.APIError, ValueError) as error:
                if self._adapt_request(error):
                    continue
                seconds = self._seconds_to_retry(error, tries)
                if seconds is None:
                    return None
                tries += 1
                await self._sleep(seconds)
            else:
                self._has_answered = True
                self._failures_in_a_row = 0
                return answer

    async def _wait_for_rate_limit(self) -> None:
        """Waits until the rate limit, the user's or the server's, allows another call."""
        now = time.monotonic()
        start = max(self._next_call, now)
        interval = 60 / self._options.rate_limit if self._options.rate_limit else 0.0
        self._next_call = start + interval
        await self._sleep(start - now)

    async def _sleep(self, seconds: float) -> None:
        """Waits, but not once another call has ended the run: raises what ended it."""
        import asyncio

        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        if self._fatal:
            raise self._fatal

    async def _answer(self, messages: list[dict[str, str]], attempt: int) -> Answer:
        """One call. Raises TimeoutError at the deadline, ValueError for what is no chat completion."""
        import asyncio

        request: dict[str, Any] = {"model": self._options.model, "messages": messages, **self._sampling}
        if "seed" in request:
            # The same seed would give the same unusable answer again.
            request["seed"] += attempt
        if self._formats[self._format] is not None:
            request["response_format"] = self._formats[self._format]
        call = self._client.chat.completions.create(**request)
        completion: Any = await asyncio.wait_for(call, self._options.timeout)
        choices = getattr(completion, "choices", None)
        if not choices:
            raise ValueError(f"not a chat completion: {getattr(completion, 'error', None) or completion}")
        content = getattr(getattr(choices[0], "message", None), "content", None)
        usage = getattr(completion, "usage", None)
        return Answer(
            text=content if isinstance(content, str) else "",
            prompt_tokens=getattr(usage, "prompt_tokens", 0) or 0,
            completion_tokens=getattr(usage, "completion_tokens", 0) or 0,
            finish_reason=str(getattr(choices[0], "finish_reason", "") or ""),
        )

    def _adapt_request(self, error: Exception) -> bool:
        """Whether requests were changed to what the server said it takes; each change is made once a run."""
        status = status_of(error)
        if status in (400, 422):
            named = f"{getattr(error, 'param', '')} {self._message(error)}"
            for name in ("max_tokens", "temperature", "seed"):
                if name in self._sampling and re.search(rf"\b{name}\b", named):
                    value = self._sampling.pop(name)
                    if name == "max_tokens":
                        self._sampling["max_completion_tokens"] = value
                    return True
        has_simpler_format = self._format + 1 < len(self._formats)
        if status in (400, 415, 422, 500, 501) and not self._has_answered and has_simpler_format:
            self._format += 1
            return True
        return False

    def _seconds_to_retry(self, error: Exception, tries: int) -> float | None:
        """Seconds until the next try, None to give this passage up; raises where no passage has a chance."""
        status = status_of(error)
        message = self._message(error)
        if fatal := fatal_error(error, self._endpoint, self._options.model, message):
            self._stop(fatal)
        permanent = is_permanent(error)
        retries = self._options.retries
        if not (self._has_answered or status):
            # What has never answered is more likely a wrong address than a server about to come back.
            retries = min(1, retries)
        if tries < retries and not permanent:
            return self._backoff(error, tries)
        if fatal := lasting_error(error, self._endpoint, message):
            self._stop(fatal)
        if not self._has_answered:
            self._format = 0
        self._failures_in_a_row += 1
        self.complaint = message
        if self._failures_in_a_row >= MOST_FAILURES_IN_A_ROW and not (permanent and self._has_answered):
            failed = f"{self._endpoint.shown} failed {self._failures_in_a_row} passages in a row"
            hint = RESUME if status else f"a longer timeout may help; {RESUME}"
            self._stop(ServiceError(f"{failed}, the last with: {message}", hint))
        return None

    def _backoff(self, error: Exception, tries: int) -> float:
        """What the server asked to wait, or else exponential backoff with jitter; a 429 holds all calls."""
        seconds = retry_after(error)
        if seconds is None:
            seconds = min(FIRST_BACKOFF * 2**tries, LONGEST_BACKOFF) * random.uniform(0.5, 1.0)
        if status_of(error) == 429:
            self._next_call = max(self._next_call, time.monotonic() + seconds)
        return seconds

    def _stop(self, error: ServiceError) -> None:
        """Raises `error`, here and in all calls that wait."""
        self._fatal = error
        self._stopped.set()
        raise error from None

    def _message(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no whole answer within {self._options.timeout:g} s"
        return server_message(error, self._key)
