"""Query generation without a language model: titles, keywords, spans, sentences, questions of its words.

What is written is made of words that are rare in the corpus and stand together in the chunk. The result is
the same for the same chunks, settings and seed. Whether a query is good is for mining to find out.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from splade_cli.generation.dedupe import query_key
from splade_cli.generation.queries.kinds import Proportions, turns
from splade_cli.generation.queries.templates import CLAIMS, HOW_TOS, QUESTIONS
from splade_cli.generation.queries.typos import misspelled
from splade_cli.idf import rarity
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, WrittenQuery

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
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
OFFLINE_TYPES = (*dict.fromkeys(TURNS), "how-to", "error-message", "typo")
"""Kinds that can be written from the words of a chunk."""


class OfflineWriter:
    """Writes queries from corpus statistics: words that are rare there and stand together in the chunk.

    Args:
        chunks: the whole corpus, for word frequencies.
        language: decides question templates; a language without any gets no template questions.
        stop_words: function words of the language.
        queries_per_chunk: queries wanted; short chunks may give fewer.
        seed: another seed, other queries.
        kinds: proportions of `OFFLINE_TYPES`; those of `TURNS` where empty.
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
        self._turns = turns(kinds) if kinds else TURNS
        self.stop_words = stop_words
        self.queries_per_chunk = queries_per_chunk
        self.seed = seed
        frequencies: Counter[str] = Counter()
        for chunk in chunks:
            frequencies.update(set(_words(chunk.content)))
        self._rarity = {word: rarity(count, len(chunks)) for word, count in frequencies.items()}
        self._makers: dict[str, Callable[[Chunk, random.Random], str]] = {
            "question": self._question,
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
        first = generator.randrange(len(self._turns))
        written: dict[str, WrittenQuery] = {}
        for turn in range(max(len(self._turns), self.queries_per_chunk * 3)):
            kind = self._turns[(first + turn) % len(self._turns)]
            text = " ".join(self._makers[kind](chunk, generator).split())
            if len(_WORD.findall(text)) >= 2:
                written.setdefault(query_key(text), WrittenQuery(text, kind))
            if len(written) == self.queries_per_chunk:
                break
        return list(written.values())

    def _weight(self, word: str) -> float:
        lower = word.casefold()
        if lower in self.stop_words or len(lower) < 3 or lower.isdigit():
            return 0.0
        return self._rarity.get(lower, 0.0)

    def _phrases(self, chunk: Chunk) -> list[tuple[str, float]]:
        """Runs of one to three content words, weighed by rarity and by how often they come in the chunk."""
        counts: Counter[str] = Counter()
        weights: dict[str, float] = {}
        for sentence in _sentences(chunk.text):
            for run in self._content_runs(sentence):
                for words in _ngrams(run, 3):
                    phrase = " ".join(words).casefold()
                    counts[phrase] += 1
                    weights[phrase] = sum(map(self._weight, words)) / len(words) ** 0.5
        ranked = [(phrase, weights[phrase] * (1 + math.log(count))) for phrase, count in counts.items()]
        return sorted(ranked, key=lambda pair: (-pair[1], pair[0]))

    def _content_runs(self, sentence: str) -> Iterator[list[str]]:
        """The runs of words with a weight; a function word ends one."""
        run: list[str] = []
        for word in _WORD.findall(sentence):
            if self._weight(word) > 0:
                run.append(word)
            elif run:
                yield run
                run = []
        if run:
            yield run

    def _pick(self, chunk: Chunk, generator: random.Random, words: tuple[int, ...], among: int = 40) -> str:
        phrases = [phrase for phrase, _ in self._phrases(chunk) if phrase.count(" ") + 1 in words][:among]
        return generator.choice(phrases) if phrases else ""

    def _question(self, chunk: Chunk, generator: random.Random) -> str:
        templates = QUESTIONS.get(self.language)
        claims = CLAIMS.get(self.language)
        if claims and generator.random() < 1 / 3:
            span = self._span(chunk, generator).casefold()
            return generator.choice(claims).format(span) if span else ""
        phrase = self._pick(chunk, generator, (1, 2, 3))
        if not templates or not phrase:
            return ""
        context = ""
        if generator.random() < 0.5:
            context = self._pick(chunk, generator, (1,))
        question = generator.choice(templates).format(phrase)
        if context and context not in phrase:
            return f"{question} {context}"
        return question

    def _keywords(self, chunk: Chunk, generator: random.Random) -> str:
        single = [phrase for phrase, _ in self._phrases(chunk) if " " not in phrase][:30]
        chosen = generator.sample(single, min(len(single), generator.randint(2, 6)))
        return " ".join(chosen)

    def _how_to(self, chunk: Chunk, generator: random.Random) -> str:
        phrase = self._pick(chunk, generator, (2, 3))
        templates = HOW_TOS.get(self.language, ())
        if not phrase or not templates:
            return ""
        return generator.choice(templates).format(phrase)

    def _error_message(self, chunk: Chunk, generator: random.Random) -> str:
        """A line of the chunk that tells of a failure; nothing where it has none."""
        lines = [line.strip("#-*|>` ") for line in re.split(r"\n|(?<=[.!?])\s+", chunk.text)]
        failures = [line for line in lines if _FAILURE.search(line)]
        if not failures:
            return ""
        return " ".join(generator.choice(failures).split()[:ERROR_WORDS])

    def _typo(self, chunk: Chunk, generator: random.Random) -> str:
        written = generator.choice((self._keywords, self._question))(chunk, generator)
        return misspelled(written, generator)

    def _title(self, chunk: Chunk, generator: random.Random) -> str:
        parts = [part for part in (chunk.title, *chunk.headings[-1:]) if part]
        heading = " ".join(dict.fromkeys(parts))
        if generator.random() < 0.6:
            return f"{heading} {self._pick(chunk, generator, (1, 2))}"
        return heading

    def _sentence(self, chunk: Chunk, generator: random.Random) -> str:
        sentences = [text for text in _sentences(chunk.text) if len(_WORD.findall(text)) >= FEWEST_WORDS]
        if not sentences:
            return ""
        return " ".join(generator.choice(sentences).split()[:SENTENCE_WORDS])

    def _span(self, chunk: Chunk, generator: random.Random) -> str:
        word_lists = map(_WORD.findall, _sentences(chunk.text))
        sentences = [words for words in word_lists if len(words) >= FEWEST_WORDS]
        if not sentences:
            return ""
        words = generator.choice(sentences)
        size = generator.randint(6, 14)
        starts = range(max(1, len(words) - size + 1))
        best = max(starts, key=lambda start: sum(map(self._weight, words[start : start + size])))
        return " ".join(words[best : best + size])


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _sentences(text: str) -> list[str]:
    return [part.strip("#-*|> ") for part in _SENTENCE.split(_CODE.sub("\n", text)) if part.strip()]


def _ngrams(words: Sequence[str], longest: int) -> Iterator[Sequence[str]]:
    """Runs of 1 to `longest` words, short ones first."""
    for size in range(1, longest + 1):
        for start in range(len(words) - size + 1):
            yield words[start : start + size]
