"""Many questions of one kind to a language model: each item with what was written for it, in order.

Every answer is in the cache before it is used: a run can be stopped anywhere and goes on where it was. What
is of use is never asked again; what is of none is asked again by the next run.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Generic, TypeVar

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.accounts import CallEstimate, Outcome
from splade_cli.generation.llm.answers import Answer, AnswerCache, Subject
from splade_cli.generation.llm.budget import BYTES_A_TOKEN, Budget
from splade_cli.generation.llm.client.chat import ChatClient
from splade_cli.generation.llm.client.endpoint import Endpoint
from splade_cli.generation.llm.client.event_loop import event_loop
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.question import Question
from splade_cli.generation.llm.usefulness import Usefulness, useless_answers
from splade_cli.progress import Progress, Say, silent, unsaid
from splade_cli.storage.cache import Cache

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

ATTEMPTS = 3
"""Answers asked for an item in a run until one is of use."""
SECONDS_TO_LOOK = 0.5
OTHER_SERVER = "try another model or server"
ITEMS_AT_ONCE = 200

Item = TypeVar("Item", bound=Subject)
Written = TypeVar("Written")


class Asking(Generic[Item, Written]):
    """Asks `question` about items.

    Args:
        options: the language model and how it is asked.
        cache: keeps the answers, and has those of earlier runs; None for neither.
        budget: what the run has spent so far, and its limits.
        seed: of the sampling; the next attempts at an item have the next seeds. None sends none.
        say: told of waits for the server, and for other runs.

    Attributes:
        answers: those that are kept, of this run and of earlier ones.
        cached: items that an earlier answer served.
        failed: items that got no usable answer, the last of them for `last_failure`.

    Raises:
        InputError: no address.
    """

    def __init__(
        self,
        question: Question[Item, Written],
        options: Llm,
        cache: Cache | None,
        budget: Budget,
        seed: int | None,
        say: Say = unsaid,
    ) -> None:
        self.answers = AnswerCache(cache, question.depends_on)
        self.budget = budget
        self.cached = 0
        self.failed = 0
        self.last_failure = ""
        self._answers = 0
        self._as_json = 0
        self._question = question
        self._options = options
        self._seed = seed
        self._say = say
        self._endpoint = Endpoint.resolve(options.base_url)
        self._advice = OTHER_SERVER
        self._usefulness = Usefulness(options.most_useless, question.wanted, may_repeat=question.may_repeat)
        self._is_waiting = False

    def kept_of_all(self, items: Iterable[Item]) -> Iterator[tuple[Item, list[Written]]]:
        """Each item with what kept answers have for it, nothing where none has; looked up many at a time."""
        left = iter(items)
        while part := list(itertools.islice(left, ITEMS_AT_ONCE)):
            for item, first in zip(part, self.answers.first(part), strict=True):
                yield item, self._kept(item, first) if first else []

    def estimate(self, items: Iterable[Item]) -> CallEstimate:
        """What asking about `items` would take, by counting characters; asks nobody."""
        cached = 0
        calls = 0
        prompt_tokens = 0
        completion_tokens = 0
        for item, written in self.kept_of_all(items):
            if written:
                cached += 1
            else:
                calls += 1
                size = sum(len(message["content"].encode()) for message in self._question.messages(item))
                prompt_tokens += size // BYTES_A_TOKEN
                completion_tokens += self._question.answer_tokens(item)
        counted = CallEstimate(cached, calls, prompt_tokens, completion_tokens)
        return counted.and_also(CallEstimate(), self._options.limits)

    def ask(self, items: Iterable[Item], progress: Progress = silent) -> Iterator[tuple[Item, list[Written]]]:
        """Each item with what was written for it, in order; nothing where no answer was usable.

        Abandoning the iterator, or Ctrl-C, cancels the calls under way.

        Raises:
            ServiceError: the server cannot be reached, will refuse whatever is asked, or gives answers that
                are of no use; what was answered until then is in the cache.
            LimitError: another call might exceed a limit.
        """
        formats = self._question.response_formats()
        client = ChatClient(self._options, formats, self._seed, self.budget, self._say)
        return self._run(items, client, progress)

    def outcome(self) -> Outcome:
        """What came of it."""
        return Outcome(
            cached=self.cached,
            failed=self.failed,
            last_failure=self.last_failure,
            useless=dict(self._usefulness.useless),
            repeated=self._usefulness.repeated,
            answers=self._answers,
            as_json=self._as_json,
        )

    def failure(self) -> ServiceError:
        """What to say where nothing was written for any item."""
        return ServiceError(
            f"no answer of {self._endpoint.shown} had a {self._question.wanted}, the last was "
            f"{self.last_failure}",
            self._advice,
        )

    def _run(
        self, items: Iterable[Item], client: ChatClient, progress: Progress
    ) -> Iterator[tuple[Item, list[Written]]]:
        import asyncio

        total = len(items) if isinstance(items, Sized) else None
        under_way: deque[tuple[Item, list[Written] | Future[list[Written]]]] = deque()
        # Items of the same content share their answers, so the second one waits for the first one's.
        locks: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        done = itertools.count(1)

        def next_finished() -> tuple[Item, list[Written]]:
            item, written = under_way.popleft()
            if not isinstance(written, list):
                written = written.result()
            progress(self._question.stage, next(done), total)
            return item, written

        with event_loop("query-writer", client.close) as loop:
            for item, kept in self.kept_of_all(items):
                if kept:
                    self.cached += 1
                    under_way.append((item, kept))
                else:
                    task = self._written_for(item, client, locks[self.answers.content_key(item)])
                    under_way.append((item, asyncio.run_coroutine_threadsafe(task, loop)))
                if len(under_way) >= 4 * self._options.concurrency:
                    yield next_finished()
            while under_way:
                yield next_finished()

    async def _written_for(self, item: Item, client: ChatClient, lock: asyncio.Lock) -> list[Written]:
        async with lock:
            while not self.answers.claim(item):
                self._say_waiting()
                await client.sleep(SECONDS_TO_LOOK)
            try:
                # that of the same content, or of another run, may have come in the meantime
                return self._kept(item, None) or await self._ask_about(item, client)
            finally:
                self.answers.release(item)

    async def _ask_about(self, item: Item, client: ChatClient) -> list[Written]:
        """Asks until an answer is of use, with seeds that earlier runs have not used in vain."""
        first = len(self.answers.all(item))
        failure = ""
        for attempt in range(first, first + ATTEMPTS):
            answer = await client.ask(self._question.messages(item), attempt)
            if answer is None:
                failure = client.complaint
                self._advice = OTHER_SERVER
                break
            # kept before anything else is done with it
            self.answers.put(item, attempt, answer)
            self._answers += 1
            self._as_json += answer.is_json
            written = self._question.read(item, answer)
            useless = self._usefulness.judge(item, answer, is_of_use=bool(written))
            is_cut_off = useless is not None and useless.is_cut_off
            client.judged(answer, is_of_use=useless is None, is_cut_off=is_cut_off)
            if useless is None:
                return written
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

    def _kept(self, item: Item, first: Answer | None) -> list[Written]:
        """What the first kept answer that is of use has; `first` is the first answer, where it is known."""
        if first is not None:
            written = self._question.read(item, first)
            if written:
                return written
        found = (self._question.read(item, answer) for answer in self.answers.all(item))
        return next((written for written in found if written), [])

    def _say_waiting(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._say("another run asks about the same passages: waiting for its answers")
