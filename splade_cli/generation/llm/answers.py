"""Answers of a language model, and the cache that keeps each of them before it is used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from splade_cli.cache import Cache, key_of
from splade_cli.records import Chunk

SPACE = "llm answers"


@dataclass(frozen=True)
class Answer:
    """What a server said and charged; `text` is empty for a refusal, token counts are 0 where unknown."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""


class AnswerCache:
    """The answers to one prompt by chunk and attempt, as they were said: a better parser can read them again.

    Args:
        cache: where they are kept; None knows no answer and keeps none.
        asked: all that the answer depends on beside the chunk: model, template, language, temperature, ...
    """

    def __init__(self, cache: Cache | None, asked: Sequence[str | int | float | None]) -> None:
        self._cache = cache
        self._asked = json.dumps(list(asked))

    def get(self, chunk: Chunk, attempts: int) -> list[Answer]:
        """The answers to the first attempts, up to the first one that has none."""
        if self._cache is None:
            return []
        keys = [self._key(chunk, attempt) for attempt in range(attempts)]
        cached = self._cache.get(SPACE, keys)
        answers: list[Answer] = []
        for key in keys:
            if key not in cached:
                break
            answers.append(Answer(**json.loads(cached[key])))
        return answers

    def put(self, chunk: Chunk, attempt: int, answer: Answer) -> None:
        """Keeps one answer; it is on the disk when this returns."""
        if self._cache is not None:
            value = json.dumps(asdict(answer)).encode()
            self._cache.put(SPACE, {self._key(chunk, attempt): value})

    def content_key(self, chunk: Chunk) -> bytes:
        """The same for chunks of the same content, which share their answers."""
        return self._key(chunk, 0)

    def _key(self, chunk: Chunk, attempt: int) -> bytes:
        return key_of(self._asked, chunk.content, str(attempt))
