"""Settings of a language model that writes queries: which model, at what address, how it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from splade_cli.errors import InputError, require_positive


@dataclass(frozen=True)
class Llm:
    """Queries written by a language model behind an OpenAI-compatible server.

    The API key is no part of the settings, so that nothing that prints or keeps them can give it away: it is
    read from SPLADE_API_KEY or OPENAI_API_KEY when it is needed; a server on this machine needs none.

    Attributes:
        model: its name at the server.
        queries_per_chunk: queries asked for a chunk.
        base_url: address of the server; OPENAI_BASE_URL, or else OpenAI's own, where None.
        template: the name of one of `prompts.TEMPLATES`, or a JSON file
            {name, language, description, system_prompt}.
        temperature: of the sampling, 0 or more.
        concurrency: calls at a time.
        rate_limit: calls a minute at most.
        timeout: seconds that a whole call may take.
        max_tokens: tokens of an answer at most.
        retries: of a call that failed for a reason that may pass, on top of the first try.
    """

    model: str
    queries_per_chunk: int = 2
    base_url: str | None = None
    template: str = "generic"
    temperature: float = 0.7
    concurrency: int = 4
    rate_limit: float | None = None
    timeout: float = 120.0
    max_tokens: int = 1024
    retries: int = 4

    def __post_init__(self) -> None:
        """Raises InputError for what cannot be."""
        require_positive(
            queries_per_chunk=self.queries_per_chunk,
            concurrency=self.concurrency,
            timeout=self.timeout,
            max_tokens=self.max_tokens,
        )
        if self.rate_limit is not None:
            require_positive(rate_limit=self.rate_limit)
        if self.temperature < 0:
            raise InputError(f"temperature cannot be below 0, got {self.temperature:g}", "0.7 is the default")
        if self.retries < 0:
            raise InputError(f"retries cannot be below 0, got {self.retries}", "4 is the default")
