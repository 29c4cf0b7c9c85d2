"""Client of the OpenAI chat completions protocol, asynchronous, with one policy of retries for a whole run.

A run over thousands of passages is not stopped by one of them, nor by a server that is busy for a while; it
is stopped at once, with what to do about it, where no request has a chance, or where the next might exceed a
limit of the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from splade_cli.errors import LimitError, SpladeError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.budget import Budget
from splade_cli.generation.llm.client.completion import NoCompletionError, read_completion
from splade_cli.generation.llm.client.endpoint import Endpoint
from splade_cli.generation.llm.client.failures import (
    RESUME,
    BrokenOffError,
    failed_passages,
    fatal_error,
    is_permanent,
    lasting_error,
    may_be_charged,
    server_message,
    status_of,
)
from splade_cli.generation.llm.client.pace import Pace
from splade_cli.generation.llm.client.request import ChatRequest
from splade_cli.generation.llm.options import Llm
from splade_cli.progress import Say

MOST_FAILURES_IN_A_ROW = 3
MOST_TRIES_IN_TIME = 2
"""A call that takes too long may be charged for all the same, so it is not made as often as others."""
LARGEST_BODY = 16 << 20


class ChatClient:
    """One run's line to a server: learns what it accepts, waits while it is busy, ends a run without hope.

    All of it but the constructor runs in one event loop, which is why nothing is locked.

    Attributes:
        budget: what was spent, and may be.
        complaint: what the server last said of a request that it will not answer.

    Args:
        options: which model, where, how.
        formats: values of ``response_format`` to try, best first, None for a request without one.
        seed: of the sampling; None sends none.
        say: told of waits.

    Raises:
        InputError: no address.
        ServiceError: no API key where one is needed.
    """

    def __init__(
        self,
        options: Llm,
        formats: Sequence[dict[str, Any] | None],
        seed: int | None,
        budget: Budget,
        say: Say,
    ) -> None:
        import asyncio

        import openai

        self.budget = budget
        self.complaint = ""
        self._options = options
        self._endpoint = Endpoint.resolve(options.base_url)
        key = self._endpoint.api_key()
        self._secrets = [secret for secret in (key, *self._endpoint.secrets) if secret]
        http_client = None
        if self._endpoint.is_loopback:
            # A proxy of the environment's would be asked for a server that only this machine sees.
            http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
        self._client = openai.AsyncOpenAI(
            api_key=key or "none-needed",
            base_url=self._endpoint.url,
            # The client's own retries cannot tell a busy server from an empty account.
            max_retries=0,
            # httpx times each read, so a body that drips never times out: `_answer` has its own deadline.
            timeout=openai.Timeout(None, connect=min(10.0, options.timeout)),
            http_client=http_client,
        )
        sampling: dict[str, Any] = {"max_tokens": options.answer_tokens, "temperature": options.temperature}
        if seed is not None:
            sampling["seed"] = seed
        self._request = ChatRequest(options.model, sampling, formats)
        self._pace = Pace(options.rate_limit, self._endpoint.shown, say)
        self._say = say
        self._has_answered = False
        self._failures_in_a_row = 0
        self._fatal: SpladeError | None = None
        self._stopped = asyncio.Event()
        self._probing = asyncio.Lock()
        self._slots = asyncio.Semaphore(options.concurrency)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def ask(self, messages: list[dict[str, str]], attempt: int) -> Answer | None:
        """The answer, None where the server gives none.

        Raises:
            ServiceError: no request has a chance.
            LimitError: another call might exceed a limit.
        """
        async with self._slots:
            async with self._probing:
                if not self._request.is_settled:
                    return await self._ask_with_retries(messages, attempt)
            return await self._ask_with_retries(messages, attempt)

    def judged(self, answer: Answer, *, is_of_use: bool, is_cut_off: bool = False) -> None:
        """Lets answers have more tokens, once a run, where one is cut off before it says anything of use.

        Where longer ones say nothing either, they have as many as before.
        """
        tokens = self._request.heard(answer.completion_tokens, is_of_use=is_of_use)
        if tokens is not None:
            self.budget.expect(tokens)
            self._say(f"longer answers were of no use either: from now on the limit is {tokens:,} tokens")
            return
        if not is_cut_off:
            return
        tokens = self._request.make_room()
        if tokens is not None:
            self.budget.expect(tokens)
            self._say(f"an answer was cut off by the limit of tokens: from now on it is {tokens:,}")

    def stop(self, error: SpladeError) -> NoReturn:
        """Raises `error`, here and in all calls that wait."""
        self._fatal = error
        self._stopped.set()
        raise error from None

    async def sleep(self, seconds: float) -> None:
        """Waits, but not once another call has ended the run: raises what ended it."""
        import asyncio

        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
        if self._fatal:
            raise self._fatal

    async def _ask_with_retries(self, messages: list[dict[str, str]], attempt: int) -> Answer | None:
        import openai

        prompt_bytes = sum(len(message["content"].encode()) for message in messages)
        tries = 0
        while True:
            await self.sleep(self._pace.next_call())
            await self._wait_for_budget(prompt_bytes)
            call = self.budget.open(prompt_bytes)
            try:
                answer = await self._answer(self._request.build(messages, attempt))
            except (TimeoutError, openai.OpenAIError, BrokenOffError, NoCompletionError) as error:
                self.budget.close(call, may_be_charged=may_be_charged(error))
                if self._request.adapt(error, self._message(error), tries):
                    tries = 0
                    continue
                seconds = self._seconds_to_retry(error, tries)
                if seconds is None:
                    self._request.given_up()
                    return None
                tries += 1
                await self.sleep(seconds)
            else:
                self.budget.close(call, may_be_charged=False)
                self._has_answered = True
                self._failures_in_a_row = 0
                self._request.answered()
                return self.budget.add(answer, prompt_bytes)

    async def _wait_for_budget(self, prompt_bytes: int) -> None:
        """Waits while calls under way might use up a limit; ends the run where none is."""
        while not self.budget.fits(prompt_bytes):
            if not self.budget.under_way:
                self.stop(
                    LimitError(
                        f"stopped: another call might exceed {self.budget.reached()}; "
                        f"this run: {self.budget.spent()}",
                        f"raise the limit; {RESUME}",
                    )
                )
            await self.sleep(0.05)

    async def _answer(self, request: dict[str, Any]) -> Answer:
        """One call.

        Raises:
            TimeoutError: at the deadline.
            OpenAIError: no connection, or a status that is no success.
            BrokenOffError: a body that broke off, or is not what its head says.
            NoCompletionError: a body that is no chat completion.
        """
        import asyncio

        import openai

        try:
            async with asyncio.timeout(self._options.timeout):
                body = await self._fetch(request)
        except Exception as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # A connection that is cut short may say so by an error of its own, none to try again.
                raise asyncio.CancelledError from None
            if isinstance(error, TimeoutError | openai.OpenAIError | NoCompletionError):
                raise
            # The transport has a dozen errors of its own for what can befall a body.
            raise BrokenOffError(f"the answer broke off ({type(error).__name__}: {error})") from None
        return read_completion(body).without(self._secrets)

    async def _fetch(self, request: dict[str, Any]) -> bytes:
        body = bytearray()
        streaming = self._client.chat.completions.with_streaming_response
        async with streaming.create(**request) as response:
            async for part in response.iter_bytes():
                body += part
                if len(body) > LARGEST_BODY:
                    raise NoCompletionError(f"a body of more than {LARGEST_BODY >> 20} MB")
        return bytes(body)

    def _seconds_to_retry(self, error: Exception, tries: int) -> float | None:
        """Seconds until the next try, None to give this passage up; raises where no passage has a chance."""
        message = self._message(error)
        if fatal := fatal_error(error, self._endpoint, self._options.model, message):
            self.stop(fatal)
        permanent = is_permanent(error)
        if not permanent and tries < self._retries(error):
            return self._pace.backoff(error, message, tries)
        if fatal := lasting_error(error, self._endpoint, message):
            self.stop(fatal)
        self._failures_in_a_row += 1
        self.complaint = message
        # A server that has never answered is hardly about to; that it refuses one passage says little.
        most = MOST_FAILURES_IN_A_ROW if self._has_answered or permanent else 1
        if self._failures_in_a_row >= most and not (permanent and self._has_answered):
            self.stop(failed_passages(error, self._endpoint, self._failures_in_a_row, message))
        return None

    def _retries(self, error: Exception) -> int:
        if isinstance(error, TimeoutError):
            return min(MOST_TRIES_IN_TIME - 1, self._options.retries)
        if not (self._has_answered or status_of(error)):
            # What has never answered is more likely a wrong address than a server about to come back.
            return min(1, self._options.retries)
        return self._options.retries

    def _message(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no whole answer within {self._options.timeout:g} s"
        return server_message(error, self._secrets)
