"""Query generation by a language model: each chunk of a corpus with the queries that it answers.

Every answer is in the cache before it is used: a run can be stopped anywhere and goes on where it was. What
has a query in it is never asked again; what has none is asked again by the next run.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.answers import AnswerCache
from splade_cli.generation.llm.budget import BYTES_A_TOKEN, Budget, CallEstimate, LlmRun, Usage
from splade_cli.generation.llm.client.chat import ChatClient
from splade_cli.generation.llm.client.endpoint import Endpoint
from splade_cli.generation.llm.client.event_loop import event_loop
from splade_cli.generation.llm.kept_queries import KeptQueries
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.prompts import Prompt
from splade_cli.generation.llm.usefulness import Usefulness, useless_answers
from splade_cli.progress import Progress, Say, silent, unsaid
from splade_cli.records import Chunk, WrittenQuery
from splade_cli.storage.cache import Cache

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

ATTEMPTS = 3
"""Answers asked for a chunk in a run until one has a query in it."""
SECONDS_TO_LOOK = 0.5
OTHER_SERVER = "try another model or server"


class LlmWriter:
    """Writes `options.queries_per_chunk` queries for each chunk.

    Args:
        options: the language model and how it is asked.
        cache: keeps the answers, and has those of earlier runs; None for neither.
        language: of the queries; see `Prompt`.
        seed: of the sampling; the next attempts at a chunk have the next seeds. None sends none.
        say: told of waits for the server, and for other runs.

    Attributes:
        answers: those that are kept, of this run and of earlier ones.
        budget: what calls have cost so far.
        cached: chunks whose queries an earlier answer had.
        failed: chunks that got no usable answer.
        last_failure: why the last of the failed chunks has none.

    Raises:
        InputError: no such template, or no address.
    """

    def __init__(
        self,
        options: Llm,
        cache: Cache | None,
        *,
        language: str | None = None,
        seed: int | None = 42,
        say: Say = unsaid,
    ) -> None:
        self._endpoint = Endpoint.resolve(options.base_url)
        self._options = options
        self._seed = seed
        self._say = say
        self._prompt = Prompt(options.template, language, options.queries_per_chunk)
        asked = (
            options.model,
            self._prompt.template,
            self._prompt.language,
            self._prompt.queries,
            options.temperature,
        )
        self.answers = AnswerCache(cache, asked)
        self._kept = KeptQueries(self.answers, options.queries_per_chunk)
        self.budget = Budget(options.limits, options.answer_tokens)
        self.cached = 0
        self.failed = 0
        self.last_failure = ""
        self._advice = OTHER_SERVER
        self._usefulness = Usefulness(options.most_useless)
        self._is_waiting = False

    @property
    def usage(self) -> Usage:
        """What calls have cost so far."""
        return self.budget.usage

    def estimate(self, chunks: Iterable[Chunk]) -> CallEstimate:
        """What writing for `chunks` would take, by counting characters; asks nobody."""
        calls = 0
        cached = 0
        prompt_tokens = 0
        for chunk, queries in self._kept.of_all(chunks):
            if queries:
                cached += 1
            else:
                calls += 1
                size = sum(len(message["content"].encode()) for message in self._prompt.messages(chunk))
                prompt_tokens += size // BYTES_A_TOKEN
        completion_tokens = calls * (12 + 30 * self._prompt.queries)
        limits = self._options.limits
        return CallEstimate(
            cached=cached,
            calls=calls,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost=limits.cost_of(prompt_tokens, completion_tokens),
            within_limits=limits.hold(calls, prompt_tokens, completion_tokens),
        )

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, in order; the list is empty where no answer was usable (see `failed`).

        Abandoning the iterator, or Ctrl-C, cancels the calls under way.

        Raises:
            ServiceError: the server cannot be reached, will refuse whatever is asked, or gives answers that
                are of no use; what was answered until then is in the cache.
            LimitError: another call might exceed a limit.
        """
        formats = self._prompt.response_formats()
        client = ChatClient(self._options, formats, self._seed, self.budget, self._say)
        return self._run(chunks, client, progress)

    def run(self) -> LlmRun:
        """What came of it, and what it has cost."""
        return LlmRun(
            usage=self.usage,
            spent=self.budget.spent(),
            cost=self.budget.cost,
            cached=self.cached,
            failed=self.failed,
            last_failure=self.last_failure,
            useless=dict(self._usefulness.useless),
            repeated=self._usefulness.repeated,
        )

    def failure(self) -> ServiceError:
        """What to say where no chunk got a query."""
        return ServiceError(
            f"no answer of {self._endpoint.shown} had a query, the last was {self.last_failure}", self._advice
        )

    def expire(self, chunks: Iterable[Chunk]) -> None:
        """Lets the answers to `chunks` be asked again by the next run: nothing came of them."""
        self.answers.expire(chunks)

    def _run(
        self, chunks: Iterable[Chunk], client: ChatClient, progress: Progress
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        import asyncio

        total = len(chunks) if isinstance(chunks, Sized) else None
        under_way: deque[tuple[Chunk, list[WrittenQuery] | Future[list[WrittenQuery]]]] = deque()
        # Chunks of the same content share their answers, so the second one waits for the first one's.
        locks: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        done = itertools.count(1)

        def next_finished() -> tuple[Chunk, list[WrittenQuery]]:
            chunk, queries = under_way.popleft()
            if not isinstance(queries, list):
                queries = queries.result()
            progress("write queries", next(done), total)
            return chunk, queries

        with event_loop("query-writer", client.close) as loop:
            for chunk, cached in self._kept.of_all(chunks):
                if cached:
                    self.cached += 1
                    under_way.append((chunk, cached))
                else:
                    task = self._queries_of(chunk, client, locks[self.answers.content_key(chunk)])
                    under_way.append((chunk, asyncio.run_coroutine_threadsafe(task, loop)))
                if len(under_way) >= 4 * self._options.concurrency:
                    yield next_finished()
            while under_way:
                yield next_finished()

    async def _queries_of(self, chunk: Chunk, client: ChatClient, lock: asyncio.Lock) -> list[WrittenQuery]:
        async with lock:
            while not self.answers.claim(chunk):
                self._say_waiting()
                await client.sleep(SECONDS_TO_LOOK)
            try:
                # those of the same content, or of another run, may have come in the meantime
                return self._kept.of(chunk) or await self._ask_for_queries(chunk, client)
            finally:
                self.answers.release(chunk)

    async def _ask_for_queries(self, chunk: Chunk, client: ChatClient) -> list[WrittenQuery]:
        """Asks until an answer has a query, with seeds that earlier runs have not used in vain."""
        first = len(self.answers.all(chunk))
        failure = ""
        for attempt in range(first, first + ATTEMPTS):
            answer = await client.ask(self._prompt.messages(chunk), attempt)
            if answer is None:
                failure = client.complaint
                self._advice = OTHER_SERVER
                break
            # kept before anything else is done with it
            self.answers.put(chunk, attempt, answer)
            queries = self._kept.read(answer)
            useless = self._usefulness.judge(chunk, answer, queries)
            if useless is None:
                return queries
            failure = str(useless)
            self._advice = useless.advice
            if self._usefulness.in_a_row >= self._options.most_useless:
                self.answers.expire(self._usefulness.unread)
                client.stop(useless_answers(self._usefulness.in_a_row, useless, self._endpoint))
            if useless.is_lasting:
                break
        self.failed += 1
        self.last_failure = failure
        return []

    def _say_waiting(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._say("another run asks about the same passages: waiting for its answers")
