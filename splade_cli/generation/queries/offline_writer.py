"""Query generation without a language model: titles and their aspects, keywords, spans, sentences, questions.

What is written is made of words that are rare in the corpus and stand together in the chunk. The result is
the same for the same chunks, settings and seed. Whether a query is good is for mining to find out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from splade_cli.datasets.teacher_run import ASPECT
from splade_cli.generation.dedupe import query_key
from splade_cli.generation.queries.aspects import Aspects
from splade_cli.generation.queries.kinds import Proportions, turns
from splade_cli.generation.queries.phrases import WORD, ChunkWords, WordWeights
from splade_cli.generation.queries.templates import ASPECTS, ASPECTS_ANYWHERE, CLAIMS, HOW_TOS, QUESTIONS
from splade_cli.generation.queries.typos import misspelled
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, WrittenQuery

TURNS = (
    "question",
    "span",
    "keywords",
    "sentence",
    "question",
    "title",
    "span",
    "keywords",
    "sentence",
    "question",
)
"""The order in which kinds are written; their shares are what docs/experiments.md reports on."""
TURNS_OF_SHARED_TITLES = tuple(chain.from_iterable((kind, ASPECT) for kind in TURNS))
"""The order for a chunk of one of several documents with its title: every other query is of an aspect."""
SENTENCE_WORDS = 30
"""Words of a sentence that are used at most."""
FEWEST_WORDS = 6
"""Words in a sentence at least, for a query to be made of it."""

_FAILURE = re.compile(
    r"\b(?:errors?|exception|fail(?:s|ed|ure)?|fatal|warning|cannot|can['’]t|could not|unable to|invalid"
    r"|denied|not found|timed? ?out|traceback|refused|E\d{2,}|[A-Z]\w+(?:Error|Exception))\b"
)
ERROR_WORDS = 12
"""Words of a line that are taken for an error message."""
OFFLINE_TYPES = (*dict.fromkeys(TURNS_OF_SHARED_TITLES), "how-to", "error-message", "typo")
"""Kinds that can be written from the words of a chunk."""


class OfflineWriter:
    """Writes queries from corpus statistics: words that are rare there and stand together in the chunk.

    Args:
        chunks: the whole corpus, for word frequencies.
        language: decides question templates; a language without any gets no template questions.
        stop_words: function words of the language.
        queries_per_chunk: queries wanted; short chunks may give fewer.
        seed: another seed, other queries.
        kinds: proportions of `OFFLINE_TYPES`; those of `TURNS`, or `TURNS_OF_SHARED_TITLES`, where empty.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        *,
        language: str = "english",
        stop_words: frozenset[str] = frozenset(),
        queries_per_chunk: int = 4,
        seed: int = 42,
        kinds: Proportions | None = None,
    ) -> None:
        self.language = language
        self._turns = turns(kinds) if kinds else None
        self.queries_per_chunk = queries_per_chunk
        self.seed = seed
        self._weights = WordWeights((chunk.content for chunk in chunks), stop_words)
        self._aspects = Aspects(chunks, stop_words)
        self._makers: dict[str, Callable[[ChunkWords, random.Random], str]] = {
            "question": self._question,
            ASPECT: self._aspect,
            "keywords": self._keywords,
            "title": self._title,
            "span": self._span,
            "sentence": self._sentence,
            "how-to": self._how_to,
            "error-message": self._error_message,
            "typo": self._typo,
        }

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        """Each chunk with its queries, kinds in turn."""
        for number, chunk in enumerate(chunks, 1):
            yield chunk, self.queries_of(chunk)
            progress("write queries", number, None)

    def queries_of(self, chunk: Chunk) -> list[WrittenQuery]:
        """Up to `queries_per_chunk` different queries."""
        generator = random.Random(f"{self.seed}|{chunk.id}")
        words = ChunkWords(chunk, self._weights)
        order = self._turns
        if order is None:
            order = TURNS_OF_SHARED_TITLES if self._aspects.of(chunk) else TURNS
        first = generator.randrange(len(order))
        written: dict[str, WrittenQuery] = {}
        for turn in range(max(len(order), self.queries_per_chunk * 3)):
            kind = order[(first + turn) % len(order)]
            text = " ".join(self._makers[kind](words, generator).split())
            if len(WORD.findall(text)) >= 2:
                written.setdefault(query_key(text), WrittenQuery(text, kind))
            if len(written) == self.queries_per_chunk:
                break
        return list(written.values())

    def _pick(self, chunk: ChunkWords, generator: random.Random, *lengths: int, among: int = 40) -> str:
        phrases = chunk.of_length(*lengths)[:among]
        return generator.choice(phrases) if phrases else ""

    def _question(self, chunk: ChunkWords, generator: random.Random) -> str:
        templates = QUESTIONS.get(self.language)
        claims = CLAIMS.get(self.language)
        if claims and generator.random() < 1 / 3:
            span = self._span(chunk, generator).casefold()
            return generator.choice(claims).format(span) if span else ""
        phrase = self._pick(chunk, generator, 1, 2, 3)
        if not templates or not phrase:
            return ""
        context = ""
        if generator.random() < 0.5:
            context = self._pick(chunk, generator, 1)
        question = generator.choice(templates).format(phrase)
        if context and context not in phrase:
            return f"{question} {context}"
        return question

    def _aspect(self, chunk: ChunkWords, generator: random.Random) -> str:
        """The chunk's title and a word that tells it from others of that title; nothing where none does."""
        found = self._aspects.of(chunk.chunk)
        if not found:
            return ""
        form = generator.choice(ASPECTS.get(self.language, ASPECTS_ANYWHERE))
        return form.format(generator.choice(found), chunk.chunk.title)

    def _keywords(self, chunk: ChunkWords, generator: random.Random) -> str:
        single = chunk.of_length(1)[:30]
        chosen = generator.sample(single, min(len(single), generator.randint(2, 6)))
        return " ".join(chosen)

    def _how_to(self, chunk: ChunkWords, generator: random.Random) -> str:
        phrase = self._pick(chunk, generator, 2, 3)
        templates = HOW_TOS.get(self.language, ())
        if not phrase or not templates:
            return ""
        return generator.choice(templates).format(phrase)

    def _error_message(self, chunk: ChunkWords, generator: random.Random) -> str:
        """A line of the chunk that tells of a failure; nothing where it has none."""
        lines = [line.strip("#-*|>` ") for line in re.split(r"\n|(?<=[.!?])\s+", chunk.chunk.text)]
        failures = [line for line in lines if _FAILURE.search(line)]
        if not failures:
            return ""
        return " ".join(generator.choice(failures).split()[:ERROR_WORDS])

    def _typo(self, chunk: ChunkWords, generator: random.Random) -> str:
        written = generator.choice((self._keywords, self._question))(chunk, generator)
        return misspelled(written, generator)

    def _title(self, chunk: ChunkWords, generator: random.Random) -> str:
        parts = [part for part in (chunk.chunk.title, *chunk.chunk.headings[-1:]) if part]
        heading = " ".join(dict.fromkeys(parts))
        if generator.random() < 0.6:
            return f"{heading} {self._pick(chunk, generator, 1, 2)}"
        return heading

    def _sentence(self, chunk: ChunkWords, generator: random.Random) -> str:
        pairs = zip(chunk.sentences, chunk.words, strict=True)
        sentences = [sentence for sentence, words in pairs if len(words) >= FEWEST_WORDS]
        if not sentences:
            return ""
        return " ".join(generator.choice(sentences).split()[:SENTENCE_WORDS])

    def _span(self, chunk: ChunkWords, generator: random.Random) -> str:
        sentences = [words for words in chunk.words if len(words) >= FEWEST_WORDS]
        if not sentences:
            return ""
        words = generator.choice(sentences)
        size = generator.randint(6, 14)
        starts = range(max(1, len(words) - size + 1))
        weights = [self._weights[word] for word in words]
        best = max(starts, key=lambda start: sum(weights[start : start + size]))
        return " ".join(words[best : best + size])
