"""Usefulness of answers: why one holds nothing that can be used, and how many in a row have held nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from splade_cli.errors import ServiceError
from splade_cli.generation.llm.answers import Answer, Subject
from splade_cli.generation.llm.client.endpoint import Endpoint
from splade_cli.generation.llm.parsing import refuses

_AT_THE_LIMIT = {"length", "max_tokens", "max_output_tokens", "model_length"}
_FILTERED = {"safety", "recitation", "blocklist", "prohibited_content", "sensitive"}
CUT_OFF = "cut off at the token limit"
_ADVICE = {
    CUT_OFF: "let an answer have more tokens (answer_tokens): models that think first need several thousand",
    "stopped by a content filter": "another server or model, or leave such documents out",
    "refused": "another model, or a template of your own that says what the texts are for",
    "empty": "ask the model by hand whether it answers at all, and in which field",
    "without a query": "a larger model, or a lower temperature",
    "without a negative": "a larger model: it is harder to write what looks like an answer and is none",
    "without a grade": "another model as judge: it has to answer with a number from 0 to 3",
    "the same for different passages": "another model, or a server that does not answer from a cache",
}


@dataclass(frozen=True)
class Useless:
    """Why an answer has nothing that can be used.

    Attributes:
        kind: in our words, one of few.
        said: in the server's.
        is_lasting: whether another try would end in the same way.
    """

    kind: str
    said: str
    is_lasting: bool = False

    @property
    def is_cut_off(self) -> bool:
        """Whether a longer answer might have been of use."""
        return self.kind == CUT_OFF

    @property
    def advice(self) -> str:
        """What may help."""
        return _ADVICE[self.kind]

    def __str__(self) -> str:
        return f"{self.kind} ({self.said})"


class Usefulness:
    """Judges the answers of a run, one after the other.

    Args:
        most_repeated: passages in a row that may get the same answer: pages of a form may say the same, but
            so many were not read.
        wanted: what an answer has to hold: ``query``, ``negative`` or ``grade``.
        may_repeat: an answer says nothing by being the same as others.

    Attributes:
        useless: answers that are of no use, by reason.
        in_a_row: answers of no use since the last that is of some.
        repeated: answers that were the same as that to the passage before.
        unread: passages whose answer, the same for all of them, is now taken for no answer.
    """

    def __init__(self, most_repeated: int, wanted: str = "query", *, may_repeat: bool = False) -> None:
        self.useless: Counter[str] = Counter()
        self.in_a_row = 0
        self.repeated = 0
        self.unread: list[Subject] = []
        self._most_repeated = most_repeated
        self._wanted = wanted
        self._may_repeat = may_repeat
        self._last_said = ""
        self._same_answer: list[Subject] = []

    def judge(self, subject: Subject, answer: Answer, *, is_of_use: bool) -> Useless | None:
        """Why an answer is of no use, by itself or as the same again; None where it is of use."""
        useless = self._reason(subject, answer, is_of_use)
        if useless is None:
            self.in_a_row = 0
            return None
        self.useless[useless.kind] += 1
        self.in_a_row += 1
        return useless

    def _reason(self, subject: Subject, answer: Answer, is_of_use: bool) -> Useless | None:
        if not is_of_use:
            return why_useless(answer, self._wanted)
        if self._may_repeat:
            return None
        said = answer.text if answer.text.strip() else answer.reasoning
        if said != self._last_said:
            self._last_said = said
            self._same_answer = [subject]
            return None
        self._same_answer.append(subject)
        self.repeated += 1
        if len(self._same_answer) < self._most_repeated:
            return None
        self.unread = list(self._same_answer)
        self.in_a_row = len(self.unread) - 1
        return Useless("the same for different passages", f"said {said[:100]!r}", is_lasting=True)


def why_useless(answer: Answer, wanted: str = "query") -> Useless:
    """The reason that an answer gives for not holding what was wanted, as far as it gives one."""
    finish = answer.finish_reason.casefold()
    said = f"finish_reason {answer.finish_reason or 'unknown'!r}, said {answer.text[:100]!r}"
    if finish in _AT_THE_LIMIT:
        return Useless(CUT_OFF, said)
    if "filter" in finish or finish in _FILTERED:
        return Useless("stopped by a content filter", said, is_lasting=True)
    if answer.refusal:
        return Useless("refused", repr(answer.refusal[:200]), is_lasting=True)
    if refuses(answer.text):
        return Useless("refused", said, is_lasting=True)
    if not answer.text.strip():
        return Useless("empty", said)
    return Useless(f"without a {wanted}", said)


def useless_answers(count: int, useless: Useless, endpoint: Endpoint) -> ServiceError:
    """What ends the run after `count` answers in a row of no use."""
    return ServiceError(
        f"{count} answers of {endpoint.shown} in a row were of no use, the last was {useless}",
        f"{useless.advice}; what is usable is kept, and the rest is asked again by the same command",
    )
