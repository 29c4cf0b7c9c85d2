"""Queries written by a language model: chunks come in, the queries that each answers go out, in the same order.

Talks to any server of the OpenAI chat protocol and keeps every answer in a journal before using it, so that a run can
be stopped anywhere and goes on where it was. Knows nothing of how chunks are cut, or which queries are worth keeping.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
import os
import random
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from splade_cli.corpus.journal import LONGEST_QUERY, QUERY_TYPES, Answer, Journal, QueryType, WrittenQuery, read_queries
from splade_cli.errors import InputError, ServiceError, did_you_mean, require_positive
from splade_cli.records import Chunk, Progress, open_text, silent

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

__all__ = ["QUERY_TYPES", "QueryType", "QueryWriter", "TEMPLATES", "Usage", "WrittenQuery"]

TEMPLATES = {
    "generic": "You write the search queries that people type to find a passage of text.",
    "technical": "You write the search queries that developers and operators type into technical documentation: "
    "tasks, symptoms, error messages, options, names of functions and versions.",
    "legal": "You write the search queries that lawyers and people with a legal problem type: rights, duties, "
    "deadlines, conditions and exceptions, in terms of the law and in everyday words.",
    "medical": "You write the search queries that clinicians and patients type: symptoms, diagnoses, treatments, "
    "doses and risks, in clinical terms and in everyday words.",
    "finance": "You write the search queries that analysts, accountants and customers type: figures, periods, "
    "products, fees, rules and risks.",
    "multilingual": "You write the search queries that people all over the world type, each in the language asked for.",
}
_KINDS: dict[QueryType, str] = {
    "question": "a question",
    "keywords": "a few key words",
    "natural": "an everyday search",
    "claim": "a statement",
}
# Two worked examples: large models need none, but with fewer a small one writes about the prompt, not the passage.
_SHOTS: tuple[tuple[str, dict[QueryType, str]], ...] = (
    (
        "Bicycle rental: A deposit of 50 euros is taken for every bike and paid back within three days of its return. "
        "Helmets are free; ask for one at the counter.",
        {
            "question": "How long until I get my bike deposit back?",
            "keywords": "free helmet hire",
            "natural": "what do I pay up front to borrow a bike",
            "claim": "Hiring a bike requires a refundable deposit.",
        },
    ),
    (
        "Opening hours: The library is open from 9 to 18 on weekdays. On Saturdays only the reading room is open, and "
        "it closes at noon.",
        {
            "question": "When does the reading room close at the weekend?",
            "keywords": "library weekday times",
            "natural": "can I still borrow books late on a monday",
            "claim": "The library is open on five days a week.",
        },
    ),
)
_SHOWN = {text.casefold() for _, queries in _SHOTS for text in queries.values()}
_ANSWERS_PER_CHUNK = 3
_FORMATS = ("json_schema", "json_object", "plain")
_LONGEST_WAIT = 120.0
_BACKOFF = 1.0
_LOST_IN_A_ROW = 3
_RESUME = "nothing is lost: run the same command again to go on from there"


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
        require_positive(queries_per_chunk=queries_per_chunk, concurrency=concurrency, timeout=timeout)
        require_positive(max_tokens=max_tokens, **({} if rate_limit is None else {"rate_limit": rate_limit}))
        if temperature < 0 or retries < 0:
            raise InputError("--temperature and --retries cannot be below 0", "leave them out for the default")
        self.base_url = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        if not _is_address(self.base_url):
            raise InputError(f"not a base URL: {_shown(self.base_url)}", "it looks like http://127.0.0.1:8080/v1")
        self.model, self.temperature, self.max_tokens, self.seed = model, temperature, max_tokens, seed
        self.queries_per_chunk, self.concurrency, self.retries = queries_per_chunk, concurrency, retries
        self.rate_limit, self.timeout = rate_limit, timeout
        self._template, self._system_prompt, own_language = _read_template(template)
        self.language = language or own_language
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
            counts["prompt_tokens"] += sum(len(part["content"].encode()) for part in self._messages(chunk)) // 4
            counts["completion_tokens"] += 12 + 30 * self.queries_per_chunk
        return counts

    def write(self, chunks: Iterable[Chunk], progress: Progress = silent) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, in order; the list is empty where no answer was usable (see `failed`).

        Raises ServiceError where the server cannot be reached or will refuse whatever is asked; what was answered until
        then is in the journal. Abandoning the iterator, or Ctrl-C, cancels the calls under way.
        """
        return self._run(chunks, _Server(self), progress)

    def _run(
        self, chunks: Iterable[Chunk], server: _Server, progress: Progress
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

        with _event_loop(server) as loop:
            for chunk in chunks:
                task = self._queries(chunk, server, locks)
                waiting.append((chunk, asyncio.run_coroutine_threadsafe(task, loop)))
                if len(waiting) >= 4 * self.concurrency:
                    yield finish()
            while waiting:
                yield finish()

    async def _queries(
        self, chunk: Chunk, server: _Server, locks: defaultdict[str, asyncio.Lock]
    ) -> list[WrittenQuery]:
        key = self._key(chunk)
        async with locks[key]:
            texts = self.journal.texts(key)
            for attempt in range(max(_ANSWERS_PER_CHUNK, len(texts))):
                if attempt == len(texts):
                    answer = await server.ask(self._messages(chunk), attempt)
                    if answer is None:
                        self.last_failure = server.complaint
                        break
                    self.journal.append(key, chunk.id, self.model, answer)
                    paid = self._usage
                    self._usage = Usage(
                        paid.prompt_tokens + answer.prompt_tokens,
                        paid.completion_tokens + answer.completion_tokens,
                        paid.calls + 1,
                    )
                    texts.append(answer.text)
                queries = read_queries(texts[attempt], self.queries_per_chunk)
                if queries := [query for query in queries if query.text.casefold() not in _SHOWN]:
                    return queries
            else:
                self.last_failure = f"no query in the answer {texts[-1][:100]!r}"
        self.failed += 1
        return []

    def _key(self, chunk: Chunk) -> str:
        asked = [self.model, self._template, self.language, self.queries_per_chunk, self.temperature, chunk.content]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def _messages(self, chunk: Chunk) -> list[dict[str, str]]:
        """The prompt; which kinds it asks for goes round with the chunk, so that a corpus gets all of them alike."""
        first = hashlib.sha256(chunk.content.encode(errors="replace")).digest()[0]
        kinds = [QUERY_TYPES[(first + number) % len(QUERY_TYPES)] for number in range(self.queries_per_chunk)]
        shown = kinds[: len(QUERY_TYPES)]
        messages = [{"role": "system", "content": self._system_prompt}]
        for passage, queries in _SHOTS:
            answer = {"queries": [{"type": kind, "text": queries[kind]} for kind in shown]}
            messages.append({"role": "user", "content": _task(passage, shown, "English")})
            messages.append({"role": "assistant", "content": json.dumps(answer)})
        language = self.language or "the language of the passage"
        return [*messages, {"role": "user", "content": _task(chunk.content, kinds, language)}]


def _task(passage: str, kinds: list[QueryType], language: str) -> str:
    wanted = ", ".join(f"{number}. {_KINDS[kind]}" for number, kind in enumerate(kinds, 1))
    return (
        f"Passage:\n{passage}\n\nWrite {len(kinds)} short search queries that this passage answers, "
        f"in other words than its own: {wanted}. Write in {language}. Answer with JSON only."
    )


class _Server:
    """One run's line to a server: finds out once what it accepts, waits while it is busy, ends a run without hope.

    All of it but the constructor runs in one event loop, which is why nothing is locked.
    """

    def __init__(self, settings: QueryWriter) -> None:
        import asyncio

        try:
            import openai
        except ModuleNotFoundError:
            raise ServiceError("writing queries with an LLM needs the openai package", "pip install openai") from None
        self.complaint = ""
        self._settings = settings
        self._url = _shown(settings.base_url)
        host = urlsplit(settings.base_url).hostname or ""
        here = _is_loopback(host)
        self._key = (os.environ.get("SPLADE_API_KEY") or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not self._key and not here:
            raise ServiceError(f"{self._url} needs an API key", "export OPENAI_API_KEY=... (or SPLADE_API_KEY)")
        if not self._key.isascii() or not self._key.isprintable():
            raise ServiceError("the API key has characters that no key has", "copy it again into OPENAI_API_KEY")
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none-needed",
            base_url=settings.base_url,
            # The client's own retries cannot tell a busy server from an empty account.
            max_retries=0,
            # httpx times each read, so a body that drips would never time out: `_persist` has a clock of its own.
            timeout=openai.Timeout(None, connect=min(10.0, settings.timeout)),
            # A proxy of the environment's would be asked for a server that only this machine sees.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if here else None,
        )
        self._options: dict[str, Any] = {"max_tokens": settings.max_tokens, "temperature": settings.temperature}
        if settings.seed is not None:
            self._options["seed"] = settings.seed
        self._format = 0
        self._settled = False
        self._next_call = 0.0
        self._lost = 0
        self._end: ServiceError | None = None
        self._ended = asyncio.Event()
        self._probing = asyncio.Lock()
        self._places = asyncio.Semaphore(settings.concurrency)

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
                answer = await asyncio.wait_for(self._call(messages, attempt), self._settings.timeout)
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
        self._next_call = mine + (60 / self._settings.rate_limit if self._settings.rate_limit else 0.0)
        await self._sleep(mine - now)

    async def _sleep(self, seconds: float) -> None:
        """Waits, but not once another call has ended the run: raises what ended it."""
        import asyncio

        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        if self._end:
            raise self._end

    async def _call(self, messages: list[dict[str, str]], attempt: int) -> Answer:
        options = dict(self._options)
        if "seed" in options:
            # The same seed would give the same unusable answer again.
            options["seed"] += attempt
        if form := _response_format(_FORMATS[self._format], self._settings.queries_per_chunk):
            options["response_format"] = form
        request: dict[str, Any] = {"model": self._settings.model, "messages": messages, **options}
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
        if status in (400, 415, 422, 500, 501) and not self._settled and self._format + 1 < len(_FORMATS):
            self._format += 1
            return True
        return False

    def _wait(self, error: Exception, turn: int) -> float | None:
        """Seconds until the next try, None to give this passage up; raises where no passage has a chance."""
        import openai

        status = getattr(error, "status_code", 0)
        said, where = self._said(error), self._url
        codes = {getattr(error, "code", None), getattr(error, "type", None)}
        if status == 402 or codes & {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}:
            self._stop(f"no quota left at {where}: {said}", f"add credit; {_RESUME}")
        if status == 401:
            self._stop(f"{where} refuses the API key: {said}", "set OPENAI_API_KEY or SPLADE_API_KEY to a valid key")
        if status == 403:
            self._stop(f"{where} forbids this: {said}", "check what the key may use, and the region")
        if status == 404:
            self._stop(
                f"{where} does not know the model {self._settings.model!r}, or is no API address: {said}",
                f"list the models with: curl {where}/models (an address usually ends in /v1)",
            )
        lasting = 400 <= status < 500 and status not in (408, 409, 429)
        # What has never answered is more likely a wrong address than a server about to come back.
        retries = self._settings.retries if self._settled or status else min(1, self._settings.retries)
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
            return f"no whole answer within {self._settings.timeout:g} s"
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


def _response_format(name: str, queries: int) -> dict[str, Any] | None:
    if name == "plain":
        return None
    if name == "json_object":
        return {"type": "json_object"}
    # Small models fall into loops: a text that had to be ended here is longer than what is read as a query.
    text = {"type": "string", "pattern": rf'^[^"\\\n]{{2,{LONGEST_QUERY + 20}}}$'}
    item = {
        "type": "object",
        "properties": {"type": {"type": "string", "enum": list(QUERY_TYPES)}, "text": text},
        "required": ["type", "text"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"queries": {"type": "array", "items": item, "minItems": queries, "maxItems": queries}},
        "required": ["queries"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "queries", "strict": True, "schema": schema}}


@contextmanager
def _event_loop(server: _Server) -> Iterator[asyncio.AbstractEventLoop]:
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


def _read_template(name: str) -> tuple[str, str, str | None]:
    """What stands for the template in a journal key, its system prompt, and its language if it has one."""
    if name in TEMPLATES:
        return name, TEMPLATES[name], None
    path = Path(name)
    if not path.suffix and not path.exists():
        known = did_you_mean(name, TEMPLATES) or f"one of {', '.join(TEMPLATES)}, or a JSON file"
        raise InputError(f"no such template: {name}", known)
    with open_text(path) as lines:
        try:
            row = json.loads("".join(lines))
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: not JSON ({error.msg}, line {error.lineno})", _TEMPLATE_HINT) from None
    prompt, language = (row.get("system_prompt"), row.get("language")) if isinstance(row, dict) else (None, None)
    if not isinstance(prompt, str) or not prompt.strip() or not isinstance(language, str | None):
        raise InputError(f"{path}: a template needs a text as system_prompt", _TEMPLATE_HINT)
    return prompt, prompt, language or None


_TEMPLATE_HINT = 'it looks like {"name": "...", "language": "Norwegian", "description": "...", "system_prompt": "..."}'


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _shown(url: str) -> str:
    """`url` without a user name and password."""
    return re.sub(r"//[^/@]*@", "//", url)
