"""Query generation by a language model: each chunk of a corpus with the queries that it answers.

Every answer is in the cache before it is used: a run can be stopped anywhere and goes on where it was.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splade_cli.cache import Cache
from splade_cli.generation.llm.answers import Answer, AnswerCache
from splade_cli.generation.llm.chat import ChatClient
from splade_cli.generation.llm.endpoint import Endpoint
from splade_cli.generation.llm.event_loop import event_loop
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.parsing import read_queries
from splade_cli.generation.llm.prompts import EXAMPLES, Prompt
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, WrittenQuery

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

ATTEMPTS = 3
"""Answers asked for a chunk until one has a query in it."""


@dataclass
class Usage:
    """What the calls of a run have cost; answers from the cache cost nothing."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, answer: Answer) -> None:
        """Counts one call."""
        self.calls += 1
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens


@dataclass(frozen=True)
class CallEstimate:
    """What writing would take: chunks whose answer is `cached` add no call; tokens are guessed by length."""

    cached: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LlmWriter:
    """Writes `options.queries_per_chunk` queries for each chunk.

    Args:
        options: the language model and how it is asked.
        cache: keeps the answers, and has those of earlier runs; None for neither.
        language: of the queries; see `Prompt`.
        seed: of the sampling; the next attempts at a chunk have the next seeds. None sends none.

    Attributes:
        usage: what calls have cost so far.
        failed: chunks that got no usable answer.
        last_failure: why the last one of them did not.

    Raises:
        InputError: no such template, or no address.
    """

    def __init__(
        self, options: Llm, cache: Cache | None, *, language: str | None = None, seed: int | None = 42
    ) -> None:
        Endpoint.resolve(options.base_url)
        self._options = options
        self._seed = seed
        self._prompt = Prompt(options.template, language, options.queries_per_chunk)
        asked = (
            options.model,
            self._prompt.template,
            self._prompt.language,
            self._prompt.queries,
            options.temperature,
        )
        self._answers = AnswerCache(cache, asked)
        self.usage = Usage()
        self.failed = 0
        self.last_failure = ""

    def estimate(self, chunks: Iterable[Chunk]) -> CallEstimate:
        """What writing for `chunks` would take, by counting characters; asks nobody."""
        calls = 0
        cached = 0
        prompt_tokens = 0
        for chunk in chunks:
            if self._answers.get(chunk, 1):
                cached += 1
            else:
                calls += 1
                size = sum(len(message["content"].encode()) for message in self._prompt.messages(chunk))
                # Four bytes a token is near enough for tokenizers of any script.
                prompt_tokens += size // 4
        return CallEstimate(cached, calls, prompt_tokens, calls * (12 + 30 * self._prompt.queries))

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, in order; the list is empty where no answer was usable (see `failed`).

        Abandoning the iterator, or Ctrl-C, cancels the calls under way.

        Raises:
            ServiceError: the server cannot be reached or will refuse whatever is asked; what was answered
                until then is in the cache.
        """
        client = ChatClient(self._options, self._prompt.response_formats(), self._seed)
        return self._run(chunks, client, progress)

    def _run(
        self, chunks: Iterable[Chunk], client: ChatClient, progress: Progress
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        import asyncio

        total = len(chunks) if isinstance(chunks, Sized) else None
        under_way: deque[tuple[Chunk, Future[list[WrittenQuery]]]] = deque()
        # Chunks of the same content share their answers, so the second one waits for the first one's.
        locks: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        done = itertools.count(1)

        def next_finished() -> tuple[Chunk, list[WrittenQuery]]:
            chunk, future = under_way.popleft()
            queries = future.result()
            progress("write queries", next(done), total)
            return chunk, queries

        with event_loop("query-writer", client.close) as loop:
            for chunk in chunks:
                task = self._queries_of(chunk, client, locks[self._answers.content_key(chunk)])
                under_way.append((chunk, asyncio.run_coroutine_threadsafe(task, loop)))
                if len(under_way) >= 4 * self._options.concurrency:
                    yield next_finished()
            while under_way:
                yield next_finished()

    async def _queries_of(self, chunk: Chunk, client: ChatClient, lock: asyncio.Lock) -> list[WrittenQuery]:
        async with lock:
            cached = self._answers.get(chunk, ATTEMPTS)
            failure = ""
            for attempt in range(ATTEMPTS):
                if attempt < len(cached):
                    answer: Answer | None = cached[attempt]
                else:
                    answer = await self._ask(chunk, client, attempt)
                if answer is None:
                    failure = client.complaint
                    break
                queries = self._read(answer)
                if queries:
                    return queries
                failure = f"no query in the answer {answer.text[:100]!r}"
        self.failed += 1
        self.last_failure = failure
        return []

    def _read(self, answer: Answer) -> list[WrittenQuery]:
        """The queries of an answer; small models repeat those of the worked examples, which are left out."""
        queries = read_queries(answer.text, self._prompt.queries)
        return [query for query in queries if query.text.casefold() not in EXAMPLES]

    async def _ask(self, chunk: Chunk, client: ChatClient, attempt: int) -> Answer | None:
        """One call, whose answer is kept before anything else is done with it."""
        answer = await client.ask(self._prompt.messages(chunk), attempt)
        if answer is not None:
            self._answers.put(chunk, attempt, answer)
            self.usage.add(answer)
        return answer
