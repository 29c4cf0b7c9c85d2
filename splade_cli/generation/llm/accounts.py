"""Accounts of a language model: what asking would take, and what a run has asked, got and paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from splade_cli.generation.llm.budget import Limits, Usage


@dataclass(frozen=True)
class CallEstimate:
    """What writing would take: chunks whose answer is `cached` add no call; tokens are guessed by length.

    Attributes:
        cost: by the prices of the limits; None without them.
        within_limits: whether a run is likely to end before one of the limits does.
        negative_calls, judge_calls: those of the calls that are for negatives, and for grades; None where
            none are asked for.
    """

    cached: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    within_limits: bool = True
    negative_calls: int | None = None
    judge_calls: int | None = None

    def and_also(self, other: CallEstimate, limits: Limits) -> CallEstimate:
        """Both together."""
        prompt_tokens = self.prompt_tokens + other.prompt_tokens
        completion_tokens = self.completion_tokens + other.completion_tokens
        calls = self.calls + other.calls
        return CallEstimate(
            cached=self.cached + other.cached,
            calls=calls,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost=limits.cost_of(prompt_tokens, completion_tokens),
            within_limits=limits.hold(calls, prompt_tokens, completion_tokens),
        )


@dataclass(frozen=True)
class Outcome:
    """What came of questions of one kind.

    Attributes:
        cached: items, such as chunks, that an earlier answer served.
        failed: items that got no usable answer, the last for `last_failure`.
        useless: answers that were of no use, by reason.
        repeated: answers that were the same as that to the item before.
        answers: those of this run.
        as_json: of these, those that were nothing but one JSON object.
    """

    cached: int
    failed: int
    last_failure: str
    useless: Mapping[str, int]
    repeated: int = 0
    answers: int = 0
    as_json: int = 0


@dataclass(frozen=True)
class LlmRun:
    """What a language model cost, and what came of it.

    Attributes:
        spent: the same as `usage`, in words.
        cost: by the prices of the limits; None without them.
        queries: what came of asking for queries.
        negatives, grades: what came of asking for them; None where none was asked for.
    """

    usage: Usage
    spent: str
    cost: float | None
    queries: Outcome
    negatives: Outcome | None = None
    grades: Outcome | None = None
