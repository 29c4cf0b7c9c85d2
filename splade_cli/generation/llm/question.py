"""A kind of question to a language model: how it is put, and what an answer is read as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from splade_cli.generation.llm.answers import Answer, Subject

Setting = str | int | float | None
Item_contra = TypeVar("Item_contra", bound=Subject, contravariant=True)
Written = TypeVar("Written")


class Question(Protocol[Item_contra, Written]):
    """What a model is asked about each of many items, and what it is to write.

    Attributes:
        stage: what is done, for a bar.
        wanted: what an answer has to hold, e.g. ``query``.
        may_repeat: whether many items may well have the same answer.
        depends_on: all that an answer depends on beside the item: model, template, language, ...
    """

    stage: str
    wanted: str
    may_repeat: bool
    depends_on: Sequence[Setting]

    def messages(self, item: Item_contra) -> list[dict[str, str]]:
        """The chat messages that ask."""

    def response_formats(self) -> tuple[dict[str, Any] | None, ...]:
        """Ways to ask for JSON, best first, None for a request without one."""

    def read(self, item: Item_contra, answer: Answer) -> list[Written]:
        """What an answer has written that is of use; nothing of one that has expired."""

    def answer_tokens(self, item: Item_contra) -> int:
        """A guess at the length of an answer."""
