"""Usefulness of answers: why one has no query that can be used, and what to say where many have none."""

from __future__ import annotations

from dataclasses import dataclass

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.client.endpoint import Endpoint
from splade_cli.generation.llm.parsing import refuses

_AT_THE_LIMIT = {"length", "max_tokens", "max_output_tokens", "model_length"}
_FILTERED = {"safety", "recitation", "blocklist", "prohibited_content", "sensitive"}
_ADVICE = {
    "cut off at the token limit": "let an answer have more tokens (answer_tokens): models that think first "
    "need several thousand",
    "stopped by a content filter": "another server or model, or leave such documents out",
    "refused": "another model, or a template of your own that says what the texts are for",
    "empty": "ask the model by hand whether it answers at all, and in which field",
    "without a query": "a larger model, or a lower temperature",
    "the same for different passages": "another model, or a server that does not answer from a cache",
}


@dataclass(frozen=True)
class Useless:
    """Why an answer has no usable query.

    Attributes:
        kind: in our words, one of few.
        said: in the server's.
        is_lasting: whether another try would end in the same way.
    """

    kind: str
    said: str
    is_lasting: bool = False

    @property
    def advice(self) -> str:
        """What may help."""
        return _ADVICE[self.kind]

    def __str__(self) -> str:
        return f"{self.kind} ({self.said})"


def why_useless(answer: Answer) -> Useless:
    """The reason that an answer gives for having no query, as far as it gives one."""
    finish = answer.finish_reason.casefold()
    said = f"finish_reason {answer.finish_reason or 'unknown'!r}, said {answer.text[:100]!r}"
    if finish in _AT_THE_LIMIT:
        return Useless("cut off at the token limit", said)
    if "filter" in finish or finish in _FILTERED:
        return Useless("stopped by a content filter", said, is_lasting=True)
    if answer.refusal:
        return Useless("refused", repr(answer.refusal[:200]), is_lasting=True)
    if refuses(answer.text):
        return Useless("refused", said, is_lasting=True)
    if not answer.text.strip():
        return Useless("empty", said)
    return Useless("without a query", said)


def repeated(answer: Answer) -> Useless:
    """The reason against an answer that other passages have got as well."""
    return Useless("the same for different passages", f"said {answer.text[:100]!r}", is_lasting=True)


def useless_answers(count: int, useless: Useless, endpoint: Endpoint) -> ServiceError:
    """What ends the run after `count` answers in a row without a query in them."""
    return ServiceError(
        f"{count} answers of {endpoint.shown} in a row were of no use, the last was {useless}",
        f"{useless.advice}; what is usable is kept, and the rest is asked again by the same command",
    )
