"""Queries of a language model's answers, read out of the cache: those that need not be asked for again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from splade_cli.generation.llm.answers import Answer, AnswerCache
from splade_cli.generation.llm.parsing import read_queries, read_reasoning
from splade_cli.generation.llm.prompts import EXAMPLES
from splade_cli.generation.llm.usefulness import are_of_use
from splade_cli.records import Chunk, WrittenQuery

CHUNKS_AT_ONCE = 200


class KeptQueries:
    """Looks for usable queries among the answers that are kept.

    Args:
        answers: the answers.
        at_most: queries of an answer.
    """

    def __init__(self, answers: AnswerCache, at_most: int) -> None:
        self._answers = answers
        self._at_most = at_most

    def of_all(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, none where no answer has some; looked up many at a time."""
        left = iter(chunks)
        while part := list(itertools.islice(left, CHUNKS_AT_ONCE)):
            for chunk, first in zip(part, self._answers.first(part), strict=True):
                yield chunk, self._of(chunk, first) if first else []

    def of(self, chunk: Chunk) -> list[WrittenQuery]:
        """The queries of the first answer to `chunk` that has some."""
        return self._of(chunk, None)

    def read(self, answer: Answer) -> list[WrittenQuery]:
        """The queries of an answer; small models repeat those of the worked examples, which are left out."""
        if answer.expired:
            return []
        if answer.text.strip():
            queries = read_queries(answer.text, self._at_most)
        else:
            queries = read_reasoning(answer.reasoning, self._at_most)
        return [query for query in queries if query.text.casefold() not in EXAMPLES]

    def _of(self, chunk: Chunk, first: Answer | None) -> list[WrittenQuery]:
        """As `of`; `first` is the first answer, where it is known."""
        if first is not None:
            queries = self.read(first)
            if are_of_use(queries, chunk):
                return queries
        found = (self.read(answer) for answer in self._answers.all(chunk))
        return next((queries for queries in found if are_of_use(queries, chunk)), [])
