"""Teacher models: each scores a row's documents, and a background of other documents, against its query.

Cross-encoders cache a score for each pair, encoders a vector for each text; BM25 is computed anew.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from splade_cli.generation.teachers import searcher_over
from splade_cli.model.options import ModelOptions
from splade_cli.records import Chunk, Example
from splade_cli.search.options import SearchOptions
from splade_cli.storage.cache import Cache, key_of
from splade_cli.training.cached import CachedTexts, Computed, Done, compute_missing, read_cached
from splade_cli.training.teachers.kinds import identity_of_teacher
from splade_cli.training.teachers.vectors import TextVectors, encode_items, open_vectors, products

if TYPE_CHECKING:
    from splade_cli.model.crossencoder import CrossEncoderModel

BACKGROUND = 4096
"""Documents of the background, where a score is a product of vectors."""
PAIRS = 256
"""Random pairs of the background of a cross-encoder."""
BLOCK = 128
"""Rows whose products are computed at once."""
Scores = NDArray[np.float64]


class TeacherModel(Protocol):
    """What scores rows, once it has computed what that takes."""

    def compute(self, rows: Sequence[Example], done: Done) -> Computed:
        """Computes what is not in the cache yet."""
        ...

    def scores(self, rows: Sequence[Example]) -> Iterator[tuple[Scores, Scores]]:
        """Of each row the scores of its documents, positive first, and those of the background."""
        ...


def open_teacher(
    kind: str, source: str, documents: Sequence[str], cache: Cache, options: ModelOptions
) -> TeacherModel:
    """The teacher of a kind and a source, see `kind_of`; `documents` are all that the rows know."""
    if kind == "bm25":
        return Bm25Teacher(documents, cache)
    space = identity_of_teacher(kind, source)
    if kind == "cross-encoder":
        return CrossEncoderTeacher(source, documents, cache, space, options)
    return EncoderTeacher(open_vectors(kind, source, options), documents, cache, space)


class Bm25Teacher:
    """BM25 over all documents, which costs little: nothing is cached."""

    def __init__(self, documents: Sequence[str], cache: Cache) -> None:
        self._numbers = {text: number for number, text in enumerate(documents)}
        self._background = [self._numbers[text] for text in background_of(documents)]
        chunks = [Chunk(str(number), str(number), text) for text, number in self._numbers.items()]
        self._searcher = searcher_over(chunks, None, None, cache)

    def compute(self, rows: Sequence[Example], done: Done) -> Computed:
        return Computed()

    def scores(self, rows: Sequence[Example]) -> Iterator[tuple[Scores, Scores]]:
        count = len(self._numbers)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            ranking = self._searcher.rank([row.query for row in block], count, SearchOptions(mode="bm25"))
            for row, ids, scores in zip(block, ranking.ids, ranking.scores, strict=True):
                every = np.zeros(count)
                every[[int(each) for each in ids]] = scores
                own = [self._numbers[text] for text in documents_of(row)]
                yield every[own], every[self._background]


class CrossEncoderTeacher:
    """A cross-encoder; caches a float32 for each pair."""

    def __init__(
        self, source: str, documents: Sequence[str], cache: Cache, space: str, options: ModelOptions
    ) -> None:
        self._source = source
        self._documents = documents
        self._cache = cache
        self._space = space
        self._options = options

    @cached_property
    def _model(self) -> CrossEncoderModel:
        from splade_cli.model.crossencoder import CrossEncoderModel

        return CrossEncoderModel(self._source, self._options)

    def compute(self, rows: Sequence[Example], done: Done) -> Computed:
        pairs: list[CachedTexts] = [(row.query, text) for row in rows for text in documents_of(row)]
        pairs += self._random_pairs(rows)
        return compute_missing(self._cache, self._space, pairs, self._score, done)

    def scores(self, rows: Sequence[Example]) -> Iterator[tuple[Scores, Scores]]:
        background = self._read(self._random_pairs(rows))
        for row in rows:
            yield self._read([(row.query, text) for text in documents_of(row)]), background

    def _score(self, pairs: Sequence[CachedTexts]) -> list[bytes]:
        scores = self._model.scores([(query, text) for query, text in pairs])
        return [score.tobytes() for score in scores]

    def _read(self, pairs: Sequence[CachedTexts]) -> Scores:
        values = read_cached(self._cache, self._space, pairs)
        return np.frombuffer(b"".join(values), dtype=np.float32).astype(np.float64)

    def _random_pairs(self, rows: Sequence[Example]) -> list[CachedTexts]:
        generator = random.Random(0)
        pairs: list[CachedTexts] = []
        for _ in range(PAIRS):
            row = generator.choice(rows)
            text = generator.choice(self._documents)
            if text not in documents_of(row):
                pairs.append((row.query, text))
        return pairs


class EncoderTeacher:
    """An encoder of one text at a time, dense or sparse; caches a vector for each text."""

    def __init__(self, vectors: TextVectors, documents: Sequence[str], cache: Cache, space: str) -> None:
        self._vectors = vectors
        self._background = background_of(documents)
        self._cache = cache
        self._space = space

    def compute(self, rows: Sequence[Example], done: Done) -> Computed:
        texts: list[CachedTexts] = [("query", row.query) for row in rows]
        texts += [("document", text) for row in rows for text in documents_of(row)]
        texts += [("document", text) for text in self._background]
        return compute_missing(self._cache, self._space, texts, partial(encode_items, self._vectors), done)

    def scores(self, rows: Sequence[Example]) -> Iterator[tuple[Scores, Scores]]:
        background = self._read("document", self._background)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            texts = list(dict.fromkeys(text for row in block for text in documents_of(row)))
            columns = {text: column for column, text in enumerate(texts)}
            queries = self._read("query", [row.query for row in block])
            own = products(queries, self._read("document", texts))
            others = products(queries, background)
            for number, row in enumerate(block):
                yield own[number, [columns[text] for text in documents_of(row)]], others[number]

    def _read(self, kind: str, texts: Sequence[str]) -> Any:
        items: list[CachedTexts] = [(kind, text) for text in texts]
        return self._vectors.decode(read_cached(self._cache, self._space, items))


def documents_of(row: Example) -> tuple[str, ...]:
    """The row's documents, positive first."""
    return (row.positive, *row.negatives)


def background_of(documents: Sequence[str]) -> list[str]:
    """Documents with the smallest hashes, which stay the same ones when a few rows are added."""
    return sorted(documents, key=lambda text: key_of("", text))[:BACKGROUND]
