"""Chat request of a run: the sampling and response format that a server takes, learned from its refusals.

Formats are tried best first. A server that names the format in its refusal does not take it. One that fails
without a word may only have failed: the next format answers then, but the best one has a second chance with
the next passage, so that one fault never lowers the format of a whole run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from splade_cli.generation.llm.client.failures import status_of

_FORMAT_WORDS = re.compile(
    r"response[_ ]?format|json[_ ]?(?:schema|object|mode)|structured[_ ]?outputs?|\bschema\b|grammar|guided",
    re.I,
)
_ADAPTABLE = ("max_tokens", "temperature", "seed")
_ROOM = ("max_tokens", "max_completion_tokens")
_NO_ROOM = re.compile(r"max_(?:completion_)?tokens|context|too (?:long|large)", re.I)
MORE_ROOM = 4
"""Times as many tokens that answers may have once one was cut off."""
LONGER_IN_VAIN = 3
"""Longer answers without use, and none with any, after which they may have no more tokens than before."""


class ChatRequest:
    """What is sent beside the messages.

    Args:
        model: its name at the server.
        sampling: max_tokens, temperature, and seed where there is one.
        formats: values of ``response_format``, best first, None for a request without one.

    Attributes:
        is_settled: whether the format has been found; until then calls are made one at a time.
    """

    def __init__(
        self, model: str, sampling: dict[str, Any], formats: Sequence[dict[str, Any] | None]
    ) -> None:
        self.is_settled = False
        self._model = model
        self._sampling = dict(sampling)
        self._formats = formats
        self._refused = 0  # formats before this one are known not to be taken
        self._format = 0
        self._was_raised = False
        self._before: dict[str, Any] = {}  # what answers might have before, until longer ones are of use
        self._longer_in_vain = 0
        self._answering: int | None = (
            None  # the format that answered after a fault, while a better one is tried
        )

    def build(self, messages: list[dict[str, str]], attempt: int) -> dict[str, Any]:
        """The arguments of a call; another attempt has another seed: the same would get the same answer."""
        request: dict[str, Any] = {"model": self._model, "messages": messages, **self._sampling}
        if "seed" in request:
            request["seed"] += attempt
        if self._formats[self._format] is not None:
            request["response_format"] = self._formats[self._format]
        return request

    def make_room(self) -> int | None:
        """Raises the limit of tokens of an answer, once; the new one, None where it stays."""
        if self._was_raised:
            return None
        self._was_raised = True
        self._before = {name: self._sampling[name] for name in _ROOM if name in self._sampling}
        for name, tokens in self._before.items():
            self._sampling[name] = MORE_ROOM * tokens
            return MORE_ROOM * int(tokens)
        return None

    def heard(self, tokens: int, *, is_of_use: bool) -> int | None:
        """Learns whether longer answers are worth their tokens; the limit from now on where they are not.

        A model that goes round in circles is cut off again, four times as late, at four times the cost.
        """
        before = max(self._before.values(), default=tokens)
        if tokens <= before:
            return None
        if is_of_use:
            self._before = {}
            return None
        self._longer_in_vain += 1
        if self._longer_in_vain < LONGER_IN_VAIN:
            return None
        self._put_back()
        return int(before)

    def _put_back(self) -> None:
        self._sampling.update(self._before)
        self._before = {}

    def answered(self) -> None:
        """Learns from an answer: the format is found, or is to be compared with the best one."""
        if self._answering is not None or self._format == self._refused:
            self.is_settled = True
            self._answering = None
        elif not self.is_settled:
            self._answering = self._format
            self._format = self._refused

    def given_up(self) -> None:
        """Learns from a passage that no format got an answer for: nothing about formats."""
        if not self.is_settled:
            self._format = self._refused
            self._answering = None

    def adapt(self, error: Exception, message: str, tries: int) -> bool:
        """Changes requests to what the server takes, by its refusal; whether there is one to try at once.

        Args:
            message: the server's words.
            tries: how often this same request has failed before.
        """
        status = status_of(error)
        if status in (400, 422) and self._before and _NO_ROOM.search(message):
            self._put_back()
            return True
        if status in (400, 422) and self._drop_parameter(f"{getattr(error, 'param', '')} {message}"):
            return True
        if self.is_settled or status not in (400, 415, 422, 500, 501):
            return False
        if status == 500 and not tries:
            return False
        if self._answering is not None:
            # the better format fails for a second passage: it is not the passage, and hardly a fault
            self._format = self._answering
            self._answering = None
            self.is_settled = True
            return True
        if self._format + 1 >= len(self._formats):
            return False
        is_named = status != 500 and _FORMAT_WORDS.search(message) is not None
        if is_named and self._format == self._refused:
            self._refused += 1
        self._format += 1
        return True

    def _drop_parameter(self, words: str) -> bool:
        """Leaves out a parameter that was named, each once a run."""
        for name in _ADAPTABLE:
            if name in self._sampling and re.search(rf"\b{name}\b", words):
                value = self._sampling.pop(name)
                if name == "max_tokens":
                    self._sampling["max_completion_tokens"] = value
                return True
        return False
