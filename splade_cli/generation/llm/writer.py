"""Query generation by a language model: each chunk of a corpus with the queries that it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from splade_cli.errors import ServiceError
from splade_cli.generation.dedupe import copies
from splade_cli.generation.llm.accounts import CallEstimate, LlmRun
from splade_cli.generation.llm.answers import Answer, AnswerCache
from splade_cli.generation.llm.asking import Asking
from splade_cli.generation.llm.budget import Budget, Usage
from splade_cli.generation.llm.negative_question import NegativeQuestion, NegativeRequest, likely_requests
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.parsing import read_queries, read_reasoning
from splade_cli.generation.llm.prompts import EXAMPLES, Prompt
from splade_cli.generation.llm.question import Setting
from splade_cli.progress import Progress, Say, silent, unsaid
from splade_cli.records import Chunk, WrittenNegative, WrittenQuery
from splade_cli.storage.cache import Cache


class QueryQuestion:
    """Asks for the queries of a chunk, see `question.Question`.

    Raises:
        InputError: no such template.
    """

    stage = "write queries"
    wanted = "query"
    may_repeat = False

    def __init__(self, options: Llm, language: str | None) -> None:
        self.prompt = Prompt(options.template, language, options.queries_per_chunk, options.style)
        self._shown = EXAMPLES | {query.casefold() for query in options.style.examples}
        self.depends_on: Sequence[Setting] = (
            options.model,
            self.prompt.template,
            self.prompt.language,
            self.prompt.queries,
            options.temperature,
            *options.style.settings,
        )

    def messages(self, item: Chunk) -> list[dict[str, str]]:
        """See `Prompt.messages`."""
        return self.prompt.messages(item)

    def response_formats(self) -> tuple[dict[str, Any] | None, ...]:
        """See `Prompt.response_formats`."""
        return self.prompt.response_formats()

    def read(self, item: Chunk, answer: Answer) -> list[WrittenQuery]:
        """The queries of an answer, none where all of them copy the text.

        Small models repeat the queries that they are shown, which are left out.
        """
        if answer.expired:
            return []
        if answer.text.strip():
            queries = read_queries(answer.text, self.prompt.queries)
        else:
            queries = read_reasoning(answer.reasoning, self.prompt.queries)
        own = [query for query in queries if query.text.casefold() not in self._shown]
        if all(copies(query.text, item.text) for query in own):
            return []
        return own

    def answer_tokens(self, item: Chunk) -> int:
        """Of a JSON object with so many queries."""
        return 12 + 30 * self.prompt.queries


class LlmWriter:
    """Writes `options.queries_per_chunk` queries for each chunk.

    Args:
        options: the language model and how it is asked.
        cache: keeps the answers, and has those of earlier runs; None for neither.
        language: of the queries; see `Prompt`.
        seed: of the sampling; the next attempts at a chunk have the next seeds. None sends none.
        say: told of waits for the server, and for other runs.

    Attributes:
        budget: what calls have cost so far.
        negatives: asks for negatives too, by the same budget.
        negatives_per_query: how many are wanted.

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
        question = QueryQuestion(options, language)
        self.budget = Budget(options.limits, options.answer_tokens)
        self._options = options
        self._asking: Asking[Chunk, WrittenQuery] = Asking(question, options, cache, self.budget, seed, say)
        other = NegativeQuestion(options, question.prompt.language)
        self.negatives: Asking[NegativeRequest, WrittenNegative] = Asking(
            other, options, cache, self.budget, seed, say
        )
        self.negatives_per_query = options.negatives_per_query

    @property
    def answers(self) -> AnswerCache:
        """The answers that are kept, of this run and of earlier ones."""
        return self._asking.answers

    @property
    def usage(self) -> Usage:
        """What calls have cost so far."""
        return self.budget.usage

    @property
    def cached(self) -> int:
        """Chunks whose queries an earlier answer had."""
        return self._asking.cached

    @property
    def failed(self) -> int:
        """Chunks that got no usable answer, the last of them for `last_failure`."""
        return self._asking.failed

    @property
    def last_failure(self) -> str:
        """Why the last of the failed chunks has no query."""
        return self._asking.last_failure

    def estimate(self, chunks: Iterable[Chunk]) -> CallEstimate:
        """What writing for `chunks` would take at most, by counting characters; asks nobody.

        Negatives are counted as if each query were kept, and none held out.
        """
        texts = list(chunks)
        estimate = self._asking.estimate(texts)
        if not self.negatives_per_query:
            return estimate
        known = self._asking.kept_of_all(texts)
        requests = likely_requests(known, self._options.queries_per_chunk, self.negatives_per_query)
        negatives = self.negatives.estimate(requests)
        both = estimate.and_also(negatives, self._options.limits)
        return replace(both, negative_calls=negatives.calls)

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, in order; see `Asking.ask`."""
        return self._asking.ask(chunks, progress)

    def run(self) -> LlmRun:
        """What came of it, and what it has cost."""
        run = LlmRun(self.usage, self.budget.spent(), self.budget.cost, self._asking.outcome())
        if not self.negatives_per_query:
            return run
        return replace(run, negatives=self.negatives.outcome())

    def failure(self) -> ServiceError:
        """What to say where no chunk got a query."""
        return self._asking.failure()

    def expire(self, chunks: Iterable[Chunk]) -> None:
        """Lets the answers to `chunks` be asked again by the next run: nothing came of them."""
        self.answers.expire(chunks)
