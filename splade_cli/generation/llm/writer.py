"""Queries written by a language model: chunks come in, the queries that each answers go out, in the same order.

Keeps every answer in a journal before using it, so that a run can be stopped anywhere and goes on where it was. Knows
nothing of how chunks are cut, which queries are worth keeping, or what a server may do (`chat` does).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.errors import require_positive
from splade_cli.generation.llm.answers import Journal, read_queries
from splade_cli.generation.llm.chat import ChatServer, running
from splade_cli.generation.llm.endpoint import Endpoint
from splade_cli.generation.llm.prompts import EXAMPLES, TEMPLATES, Prompt
from splade_cli.records import Chunk, Progress, WrittenQuery, silent

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

__all__ = ["TEMPLATES", "QueryWriter", "Usage"]

_ANSWERS_PER_CHUNK = 3


class Usage(NamedTuple):
    """What this writer's calls have cost so far; answers taken from the journal cost nothing."""

    prompt_tokens: int
    completion_tokens: int
    calls: int


class QueryWriter:
    """Writes `queries_per_chunk` queries for each chunk with `model`, at the server of `base_url` (default: OpenAI's).

    The API key is taken from SPLADE_API_KEY or OPENAI_API_KEY; a server on this machine needs none. `template` names
    one of TEMPLATES, or a JSON file {name, language, description, system_prompt}. `rate_limit` is in calls a minute;
    `timeout` is in seconds for a whole call. After a run `failed` counts the chunks that got no usable answer, and
    `last_failure` says why the last one of them did not.
    """

    def __init__(
        self,
        model: str,
        journal: Path,
        *,
        base_url: str | None = None,
        queries_per_chunk: int = 2,
        temperature: float = 0.7,
        template: str = "generic",
        language: str | None = None,
        concurrency: int = 4,
        rate_limit: float | None = None,
        timeout: float = 120.0,
        max_tokens: int = 1024,
        seed: int | None = 42,
        retries: int = 4,
    ) -> None:
        require_positive(queries_per_chunk=queries_per_chunk)
        self._endpoint = Endpoint(
            base_url=base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
            model=model,
            temperature=temperature,
            concurrency=concurrency,
            rate_limit=rate_limit,
            timeout=timeout,
            max_tokens=max_tokens,
            seed=seed,
            retries=retries,
        )
        self._prompt = Prompt(template, language, queries_per_chunk)
        self.journal = Journal(journal)
        self.failed = 0
        self.last_failure = ""
        self._usage = Usage(0, 0, 0)

    @property
    def usage(self) -> Usage:
        """Tokens and calls paid for by this writer; the journal's earlier answers are not among them."""
        return self._usage

    def estimate(self, chunks: Iterable[Chunk]) -> dict[str, int]:
        """What writing for `chunks` would take, by counting characters; asks nobody.

        Chunks whose answer is in the journal are counted under ``journaled`` and add no calls.
        """
        counts = dict.fromkeys(("chunks", "journaled", "calls", "prompt_tokens", "completion_tokens"), 0)
        for chunk in chunks:
            counts["chunks"] += 1
            if self.journal.texts(self._key(chunk)):
                counts["journaled"] += 1
                continue
            counts["calls"] += 1
            # Four bytes a token is near enough for tokenizers of any script.
            counts["prompt_tokens"] += (
                sum(len(part["content"].encode()) for part in self._prompt.messages(chunk)) // 4
            )
            counts["completion_tokens"] += 12 + 30 * self._prompt.queries
        return counts

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, in order; the list is empty where no answer was usable (see `failed`).

        Raises ServiceError where the server cannot be reached or will refuse whatever is asked; what was answered until
        then is in the journal. Abandoning the iterator, or Ctrl-C, cancels the calls under way.
        """
        return self._run(chunks, ChatServer(self._endpoint, self._prompt.response_formats()), progress)

    def _run(
        self, chunks: Iterable[Chunk], server: ChatServer, progress: Progress
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        import asyncio

        total = len(chunks) if isinstance(chunks, Sized) else None
        waiting: deque[tuple[Chunk, Future[list[WrittenQuery]]]] = deque()
        # Chunks with the same content share a journal entry, so the second one waits for the first one's answer.
        locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        done = itertools.count(1)

        def finish() -> tuple[Chunk, list[WrittenQuery]]:
            chunk, future = waiting.popleft()
            queries = future.result()
            progress("queries", next(done), total)
            return chunk, queries

        with running(server) as loop:
            for chunk in chunks:
                task = self._queries(chunk, server, locks)
                waiting.append((chunk, asyncio.run_coroutine_threadsafe(task, loop)))
                if len(waiting) >= 4 * self._endpoint.concurrency:
                    yield finish()
            while waiting:
                yield finish()

    async def _queries(
        self, chunk: Chunk, server: ChatServer, locks: defaultdict[str, asyncio.Lock]
    ) -> list[WrittenQuery]:
        key = self._key(chunk)
        async with locks[key]:
            texts = self.journal.texts(key)
            for attempt in range(max(_ANSWERS_PER_CHUNK, len(texts))):
                if attempt == len(texts):
                    answer = await server.ask(self._prompt.messages(chunk), attempt)
                    if answer is None:
                        self.last_failure = server.complaint
                        break
                    self.journal.append(key, chunk.id, self._endpoint.model, answer)
                    paid = self._usage
                    self._usage = Usage(
                        paid.prompt_tokens + answer.prompt_tokens,
                        paid.completion_tokens + answer.completion_tokens,
                        paid.calls + 1,
                    )
                    texts.append(answer.text)
                queries = read_queries(texts[attempt], self._prompt.queries)
                if queries := [query for query in queries if query.text.casefold() not in EXAMPLES]:
                    return queries
            else:
                self.last_failure = f"no query in the answer {texts[-1][:100]!r}"
        self.failed += 1
        return []

    def _key(self, chunk: Chunk) -> str:
        prompt, endpoint = self._prompt, self._endpoint
        asked = [
            endpoint.model,
            prompt.template,
            prompt.language,
            prompt.queries,
            endpoint.temperature,
            chunk.content,
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
