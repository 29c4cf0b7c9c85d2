"""Settings of a language model that writes queries: which model, at what address, how it is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.errors import OptionError, require_at_most, require_positive
from splade_cli.generation.llm.budget import Limits
from splade_cli.generation.llm.client.endpoint import Endpoint
from splade_cli.generation.llm.parsing import QUERY_TYPES
from splade_cli.generation.queries.kinds import Proportions, check_proportions
from splade_cli.generation.queries.own_queries import MOST

MOST_QUERIES = 100
"""Queries wanted of a chunk, which has not that much to ask about."""
STRATEGIES = {
    "topical shift": "tell of a neighbouring topic in words of the query",
    "entity substitution": "tell the same of another product, person, place or part than the query asks for",
    "temporal variance": "tell of another time, date or version than the query asks for",
    "scope mismatch": "be much more general, or much more special, than what the query asks for",
    "premise alteration": "start from another condition or assumption than the query does",
    "perspective shift": "look at the same thing from somebody else's side, and leave the query open",
}
"""Ways in which a negative that a model writes is to miss its query."""
MOST_CALLS = 1000
"""Calls at a time, a thread each."""


@dataclass(frozen=True)
class Style:
    """What queries of a language model are to be like.

    Attributes:
        kinds: in which proportions, of `parsing.QUERY_TYPES`; the usual ones alike where empty.
        persona: who asks, in words.
        examples: queries of the user's own, `own_queries.MOST` at most; what is written is like them, and
            none of them.
    """

    kinds: Proportions = field(default_factory=dict)
    persona: str = ""
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises OptionError for what cannot be."""
        if self.kinds:
            check_proportions(self.kinds, QUERY_TYPES)
        if len(self.examples) > MOST:
            raise OptionError(f"{len(self.examples)} examples of queries", f"{MOST} are enough")

    @property
    def settings(self) -> tuple[str, ...]:
        """What an answer depends on beside a usual question; nothing for the usual style."""
        if self == USUAL:
            return ()
        return (json.dumps([dict(self.kinds), self.persona, list(self.examples)]),)


USUAL = Style()


@dataclass(frozen=True)
class Llm:
    """Queries written by a language model behind an OpenAI-compatible server.

    The API key is no part of the settings, so that nothing that prints or keeps them can give it away: it is
    read from SPLADE_API_KEY or OPENAI_API_KEY when it is needed; a server on this machine needs none.

    Attributes:
        model: its name at the server.
        queries_per_chunk: queries asked for a chunk.
        negatives_per_query: negatives that the model writes for a query of the training side, each by another
            one of `STRATEGIES` and in a call of its own; they stand beside mined ones.
        base_url: address of the server; OPENAI_BASE_URL, or else OpenAI's own, where None.
        template: the name of one of `prompts.TEMPLATES`, or a JSON file
            {name, language, description, system_prompt}.
        temperature: of the sampling, 0 or more.
        concurrency: calls at a time.
        rate_limit: calls a minute at most.
        timeout: seconds that a whole call may take.
        answer_tokens: of an answer at most; models that think first need several thousand.
        retries: of a call that failed for a reason that may pass, on top of the first try.
        most_useless: answers without a usable query, one after the other, that end the run.
        limits: what the run may cost at most.
        style: kinds of queries, who asks them, and examples of the user's own.
        answers: a file that keeps the answers instead of one in the output folder; runs that share it, also
            at the same time, pay for none twice.
    """

    model: str
    queries_per_chunk: int = 2
    base_url: str | None = None
    template: str = "generic"
    temperature: float = 0.7
    concurrency: int = 4
    rate_limit: float | None = None
    timeout: float = 120.0
    answer_tokens: int = 1024
    retries: int = 4
    most_useless: int = 8
    limits: Limits = field(default_factory=Limits)
    answers: str | Path | None = None
    negatives_per_query: int = 0
    style: Style = USUAL

    def __post_init__(self) -> None:
        """Raises OptionError for what cannot be."""
        require_positive(
            queries_per_chunk=self.queries_per_chunk,
            concurrency=self.concurrency,
            timeout=self.timeout,
            answer_tokens=self.answer_tokens,
            most_useless=self.most_useless,
        )
        require_at_most(MOST_QUERIES, queries_per_chunk=self.queries_per_chunk)
        if self.negatives_per_query < 0:
            raise OptionError(
                f"negatives_per_query cannot be below 0, got {self.negatives_per_query}", "0 asks for none"
            )
        require_at_most(len(STRATEGIES), negatives_per_query=self.negatives_per_query)
        require_at_most(MOST_CALLS, concurrency=self.concurrency)
        if self.rate_limit is not None:
            require_positive(rate_limit=self.rate_limit)
        if self.temperature < 0:
            raise OptionError(
                f"temperature cannot be below 0, got {self.temperature:g}", "0.7 is the default"
            )
        if self.retries < 0:
            raise OptionError(f"retries cannot be below 0, got {self.retries}", "4 is the default")
        Endpoint.resolve(self.base_url)  # before a folder is read
