"""Budget of a run: what calls of a language model have cost, and the limits at which it stops before them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splade_cli.errors import OptionError, require_positive
from splade_cli.generation.llm.answers import Answer

BYTES_A_TOKEN = 4
"""Near enough for tokenizers of any script, until a server has counted."""


@dataclass(frozen=True)
class Limits:
    """What a run may cost at most, and what tokens cost; None for no limit, and no known price.

    Attributes:
        calls: requests that are sent.
        tokens: of prompts and answers together.
        cost: in the currency of the prices.
        price_in, price_out: of a million tokens of prompts, and of answers.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    price_in: float | None = None
    price_out: float | None = None

    def __post_init__(self) -> None:
        """Raises OptionError for what cannot be."""
        for name, value in (("calls", self.calls), ("tokens", self.tokens), ("cost", self.cost)):
            if value is not None:
                require_positive(**{f"max_{name}": value})
        for price in (self.price_in, self.price_out):
            if price is not None and not 0 <= price < float("inf"):
                raise OptionError(f"a price of {price:g}", "prices of a million tokens are 0 or more")
        if self.cost is not None and not self.has_price:
            raise OptionError(
                f"a limit of cost ({self.cost:g}) without the prices of tokens",
                "give the prices of a million tokens, in and out, as the provider lists them",
            )

    @property
    def has_price(self) -> bool:
        """Whether a cost can be told."""
        return self.price_in is not None or self.price_out is not None

    def hold(self, calls: int, prompt_tokens: int, completion_tokens: int) -> bool:
        """Whether so much is within all of them."""
        if self.calls is not None and calls > self.calls:
            return False
        if self.tokens is not None and prompt_tokens + completion_tokens > self.tokens:
            return False
        cost = self.cost_of(prompt_tokens, completion_tokens)
        return self.cost is None or cost is None or cost <= self.cost

    def cost_of(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What tokens cost by the prices; None without them."""
        if not self.has_price:
            return None
        return (prompt_tokens * (self.price_in or 0) + completion_tokens * (self.price_out or 0)) / 1e6


@dataclass
class Usage:
    """What the calls of a run have cost; answers from the cache cost nothing.

    Attributes:
        calls: those that were answered.
        unanswered: requests that broke off or timed out, for which a server may have charged.
        estimated: answers of which the server did not count the tokens.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unanswered: int = 0
    estimated: int = 0

    def add(self, answer: Answer) -> None:
        """Counts one call."""
        self.calls += 1
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        self.estimated += answer.estimated


@dataclass(frozen=True)
class Reservation:
    """What a call under way may cost at most, in tokens."""

    prompt: int
    completion: int


class Budget:
    """What a run has spent, and what calls under way may cost at most, beside its limits.

    Args:
        limits: when to stop.
        answer_tokens: of an answer at most.

    Attributes:
        usage: what was spent.
        sent: calls, whether answered or not.
        under_way: calls that are neither answered nor given up.
    """

    def __init__(self, limits: Limits, answer_tokens: int) -> None:
        self.limits = limits
        self.usage = Usage()
        self.sent = 0
        self.under_way = 0
        self._longest_answer = answer_tokens
        self._tokens_a_byte = 2 / BYTES_A_TOKEN
        self._reserved_prompt = 0
        self._reserved_completion = 0

    def expect(self, answer_tokens: int) -> None:
        """Reserves so many tokens for an answer from now on."""
        self._longest_answer = answer_tokens

    def fits(self, prompt_bytes: int) -> bool:
        """Whether another call is within all limits, whatever it and those under way will cost."""
        call = self._reservation(prompt_bytes)
        prompt = self.usage.prompt_tokens + self._reserved_prompt + call.prompt
        completion = self.usage.completion_tokens + self._reserved_completion + call.completion
        return self.limits.hold(self.sent + 1, prompt, completion)

    def open(self, prompt_bytes: int) -> Reservation:
        """Counts a call that is sent."""
        call = self._reservation(prompt_bytes)
        self.sent += 1
        self.under_way += 1
        self._reserved_prompt += call.prompt
        self._reserved_completion += call.completion
        return call

    def close(self, call: Reservation, *, may_be_charged: bool) -> None:
        """Counts the end of a call; one that broke off may be charged, and stays reserved for the limits."""
        self.under_way -= 1
        if may_be_charged:
            self.usage.unanswered += 1
            return
        self._reserved_prompt -= call.prompt
        self._reserved_completion -= call.completion

    def add(self, answer: Answer, prompt_bytes: int) -> Answer:
        """Counts an answer, and learns how its server counts; its tokens, if need be, are guessed."""
        if answer.prompt_tokens:
            measured = 1.05 * answer.prompt_tokens / max(1, prompt_bytes)
            is_first = self.usage.calls == self.usage.estimated
            self._tokens_a_byte = measured if is_first else max(measured, self._tokens_a_byte)
        else:
            said = len((answer.text + answer.reasoning).encode()) // BYTES_A_TOKEN
            answer = replace(
                answer,
                prompt_tokens=prompt_bytes // BYTES_A_TOKEN,
                completion_tokens=answer.completion_tokens or said,
                estimated=True,
            )
        self.usage.add(answer)
        self._longest_answer = max(self._longest_answer, answer.completion_tokens)
        return answer

    def reached(self) -> str:
        """The limit that leaves no room for another call, in words."""
        limits = self.limits
        named = []
        if limits.calls is not None:
            named.append(f"{limits.calls:,} calls")
        if limits.tokens is not None:
            named.append(f"{limits.tokens:,} tokens")
        if limits.cost is not None:
            named.append(f"a cost of {limits.cost:g}")
        return " or ".join(named)

    def spent(self) -> str:
        """What was spent, in words."""
        used = self.usage
        words = (
            f"{used.calls:,} calls, {used.prompt_tokens:,} prompt and "
            f"{used.completion_tokens:,} completion tokens"
        )
        if used.estimated:
            words += f" (of {used.estimated:,} calls estimated by length)"
        if self.cost is not None:
            words += f", a cost of {self.cost:.4f}"
        if used.unanswered:
            words += f"; {used.unanswered:,} more had no whole answer, and may have been charged too"
        return words

    @property
    def cost(self) -> float | None:
        """Of what was answered; None without prices."""
        return self.limits.cost_of(self.usage.prompt_tokens, self.usage.completion_tokens)

    def _reservation(self, prompt_bytes: int) -> Reservation:
        return Reservation(int(prompt_bytes * self._tokens_a_byte) + 1, self._longest_answer)
