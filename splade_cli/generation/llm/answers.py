"""Answers of a language model, and the cache that keeps each of them before it is used."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Protocol

from splade_cli.storage.cache import Cache, key_of
from splade_cli.storage.claims import is_running

SPACE = "llm answers"
CLAIMS = "llm calls under way"
MOST_KEPT = 30
"""Answers kept for a passage: of more, which only useless ones can be, the next replaces the last."""
LONGEST_CLAIM = 3600.0


class Subject(Protocol):
    """What is asked about, such as a chunk; subjects of the same content share their answers."""

    @property
    def content(self) -> str:
        """All of it that an answer depends on."""


@dataclass(frozen=True)
class Answer:
    """What a server said and charged.

    Attributes:
        text: what it said; empty for a refusal.
        prompt_tokens, completion_tokens: as the server counts them, or `estimated` by length.
        finish_reason: why it ended there, in the server's word.
        refusal: why it says nothing, where it tells.
        reasoning: what a model thought that said nothing else.
        expired: it is of no use, and is to be asked again.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""
    refusal: str = ""
    reasoning: str = ""
    estimated: bool = False
    expired: bool = False

    @classmethod
    def from_json(cls, value: bytes) -> Answer:
        """An answer as it was kept, by this version or another."""
        row: dict[str, Any] = json.loads(value)
        return cls(**{name: each for name, each in row.items() if name in _FIELDS})

    @property
    def is_json(self) -> bool:
        """Whether it is one JSON object and nothing else, as was asked for."""
        try:
            return isinstance(json.loads(self.text), dict)
        except (ValueError, RecursionError):
            return False

    def without(self, secrets: Iterable[str]) -> Answer:
        """The same answer with each of `secrets` replaced: some servers repeat what they are sent."""
        words = {"text": self.text, "reasoning": self.reasoning, "refusal": self.refusal}
        words["finish_reason"] = self.finish_reason
        for secret in secrets:
            words = {name: word.replace(secret, "***") for name, word in words.items()}
        return replace(self, **words)  # type: ignore[arg-type]

    def to_json(self) -> bytes:
        """All but the fields that say nothing."""
        row = {name: value for name, value in asdict(self).items() if value or name == "text"}
        return json.dumps(row).encode()


_FIELDS = {field.name for field in fields(Answer)}


class AnswerCache:
    """The answers to one question by subject, as they were said: a better parser can read them again.

    Several runs may share a cache: a subject that one of them is asking about is claimed, and the others wait
    for its answer instead of paying for one of their own.

    Args:
        cache: where they are kept; None knows no answer and keeps none.
        asked: all that the answer depends on beside the subject: model, template, language, temperature, ...
    """

    def __init__(self, cache: Cache | None, asked: Sequence[str | int | float | None]) -> None:
        self._cache = cache
        self._asked = json.dumps(list(asked))

    def first(self, subjects: Sequence[Subject]) -> list[Answer | None]:
        """The first answer to each of `subjects`, which is the only one of most; None where there is none."""
        if self._cache is None:
            return [None] * len(subjects)
        keys = [self._key(subject, 0) for subject in subjects]
        cached = self._cache.get(SPACE, keys)
        return [Answer.from_json(cached[key]) if key in cached else None for key in keys]

    def all(self, subject: Subject) -> list[Answer]:
        """The answers to a passage, up to the first attempt that has none."""
        return self._read([self._key(subject, attempt) for attempt in range(MOST_KEPT)])

    def put(self, subject: Subject, attempt: int, answer: Answer) -> None:
        """Keeps one answer; it is on the disk when this returns."""
        if self._cache is not None:
            key = self._key(subject, min(attempt, MOST_KEPT - 1))
            self._cache.put(SPACE, {key: answer.to_json()})

    def expire(self, subjects: Iterable[Subject]) -> None:
        """Marks all answers to `subjects` as ones to be asked again; what they cost stays known."""
        for subject in subjects:
            for attempt, answer in enumerate(self.all(subject)):
                self.put(subject, attempt, replace(answer, expired=True))

    def claim(self, subject: Subject) -> bool:
        """Whether this process may ask about a passage; not while another one that is running asks."""
        if self._cache is None:
            return True
        key = self.content_key(subject)
        mine = json.dumps({"process": os.getpid(), "since": time.time()}).encode()
        for _ in range(2):
            if self._cache.add(CLAIMS, key, mine):
                return True
            held = self._cache.get(CLAIMS, [key]).get(key)
            if held is not None and _is_held(held):
                return False
            if held is not None:
                self._cache.remove(CLAIMS, key, held)
        # neither there nor to be added: its row is damaged
        self._cache.put(CLAIMS, {key: mine})
        return True

    def release(self, subject: Subject) -> None:
        """Ends this process's claim."""
        if self._cache is None:
            return
        key = self.content_key(subject)
        held = self._cache.get(CLAIMS, [key]).get(key)
        if held is not None and json.loads(held)["process"] == os.getpid():
            self._cache.remove(CLAIMS, key, held)

    def content_key(self, subject: Subject) -> bytes:
        """The same for subjects of the same content, which share their answers."""
        return self._key(subject, 0)

    def _read(self, keys: list[bytes]) -> list[Answer]:
        if self._cache is None:
            return []
        cached = self._cache.get(SPACE, keys)
        answers: list[Answer] = []
        for key in keys:
            if key not in cached:
                break
            answers.append(Answer.from_json(cached[key]))
        return answers

    def _key(self, subject: Subject, attempt: int) -> bytes:
        return key_of(self._asked, subject.content, str(attempt))


def _is_held(claim: bytes) -> bool:
    """Whether the process that made a claim is still there; its number may have gone to another since."""
    row = json.loads(claim)
    return is_running(row["process"]) and time.time() - row["since"] < LONGEST_CLAIM
