"""BM25 over the rows of several segments: query texts in, ranked rows out; knows no model.

BM25 is a dot product, searched by the engine of the sparse vectors:

    score(q, d) = sum over words t of  count(t, q) idf(t)  *  tf / (tf + k1 (1 - b + b length(d) / mean length))
    idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5)),  N rows, n of them with t

The right factor is stored, one `Lexical` a segment. The left one is made for each query from the counts of all living
rows of all segments, so adding and deleting rows moves every IDF at once. The mean length is the exception: it stands
inside the stored factor, so a segment keeps the one that it was built with until segments are joined. A mean that is
x% off moves a score by at most b x%, and not the order of rows of equal length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import require_positive
from splade_cli.index.bm25.analyzer import guess_language, stop_words, words_of
from splade_cli.index.bm25.frequencies import K1, B, Lexical, language_of
from splade_cli.index.engine.ranking import Ranking, best

__all__ = ["K1", "B", "Bm25", "Lexical", "LexicalSearch", "guess_language", "stop_words"]


class LexicalSearch:
    """BM25 over the rows of several segments, one after the other, with one IDF.

    Args:
        parts: of one language.
        alive: for each part, which rows still count; None for all.
    """

    def __init__(
        self, parts: Sequence[Lexical], alive: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> None:
        self.parts, self.alive = list(parts), list(alive or [None] * len(parts))
        self.language = language_of(parts)

    @cached_property
    def rows(self) -> int:
        """Living rows."""
        return sum(
            len(part) if kept is None else int(kept.sum())
            for part, kept in zip(self.parts, self.alive, strict=True)
        )

    @cached_property
    def _frequencies(self) -> list[NDArray[np.int64]]:
        counted = []
        for part, kept in zip(self.parts, self.alive, strict=True):
            frequencies = np.asarray(part.frequencies, dtype=np.int64)
            if kept is not None and not kept.all():
                gone = part.counts[np.flatnonzero(~kept)].indices
                frequencies = frequencies - np.bincount(gone, minlength=len(frequencies))
            counted.append(frequencies)
        return counted

    @property
    def mean_length(self) -> float:
        """Words of a living row, on average: what a segment that is added is built with, for scores of one scale."""
        total = sum(
            int(part.lengths.sum() if kept is None else part.lengths[kept].sum())
            for part, kept in zip(self.parts, self.alive, strict=True)
        )
        return total / max(1, self.rows)

    def weights(self, words: Iterable[str]) -> dict[str, float]:
        """The IDF of each stemmed word, over the living rows; a word that none holds is left out."""
        found = {}
        for word in set(words):
            places = [part.column(word) for part in self.parts]
            holding = sum(
                int(counted[place])
                for counted, place in zip(self._frequencies, places, strict=True)
                if place is not None
            )
            if holding:
                found[word] = float(np.log1p((self.rows - holding + 0.5) / (holding + 0.5)))
        return found

    def search(
        self,
        queries: Sequence[str | Sequence[tuple[str, float]]],
        k: int = 10,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> Ranking:
        """The k rows of highest score for each query.

        Args:
            queries: texts, or texts in pieces with a weight each (an expansion that should count for less); a word in
                several pieces counts by the heaviest.
            allowed: bool over all rows, dead ones included.
            threads: see `Postings.search`.

        Returns:
            Rows int64 [q, k] and scores float32 [q, k], best first, ties by row; empty places -1 and -inf.
        """
        require_positive(k=k)
        counted = [self._counted(query) for query in queries]
        idf = self.weights(word for words in counted for word in words)
        found: list[Ranking] = []
        start = 0
        for part, kept in zip(self.parts, self.alive, strict=True):
            stop = start + len(part)
            mask = (
                kept
                if allowed is None
                else allowed[start:stop]
                if kept is None
                else allowed[start:stop] & kept
            )
            matrix = _matrix([{word: idf[word] * count for word, count in words.items() if word in idf}
                              for words in counted], part)  # fmt: skip
            if matrix.nnz:
                rows, scores = part.postings.search(matrix, k, allowed=mask, threads=threads)
                found.append((np.where(rows >= 0, rows + start, -1), scores))
            start = stop
        return best(found, k, len(queries))

    def explain(self, query: str | Sequence[tuple[str, float]], row: int) -> list[tuple[str, float, float]]:
        """(word, query weight, document weight) of the words that a row shares with a query, heaviest product first."""
        counted = self._counted(query)
        idf = self.weights(counted)
        start = 0
        for part in self.parts:
            if row < start + len(part):
                break
            start += len(part)
        number = row - start
        alone = Lexical(
            part.counts[number], part.words, part.language, part.mean_length,
            lengths=part.lengths[number : number + 1], frequencies=part.frequencies,
        )  # fmt: skip
        impacts = alone.impacts()
        weights = dict(zip(impacts.indices.tolist(), impacts.data.tolist(), strict=True))
        met = [
            (word, idf[word] * count, weights[place])
            for word, count in counted.items()
            if (place := part.column(word)) in weights
        ]
        return sorted(met, key=lambda term: -term[1] * term[2])

    def _counted(self, query: str | Sequence[tuple[str, float]]) -> dict[str, float]:
        pieces = [(query, 1.0)] if isinstance(query, str) else list(query)
        counted: dict[str, float] = {}
        for words, (_, weight) in zip(
            words_of([text for text, _ in pieces], self.language), pieces, strict=True
        ):
            for word, count in Counter(words).items():
                counted[word] = max(counted.get(word, 0.0), count * weight)
        return counted


class Bm25(LexicalSearch):
    """BM25 over `texts`; the language decides stop words and stemmer, and is guessed where not given."""

    def __init__(self, texts: Sequence[str], language: str | None = None) -> None:
        super().__init__([Lexical.build(texts, language)])

    def words(self, text: str) -> list[str]:
        """The stemmed words of `text` that BM25 counts."""
        return words_of([text], self.language)[0]


def _matrix(rows: Sequence[dict[str, float]], part: Lexical) -> sp.csr_matrix:
    """Queries [q, words of part] from weights by word."""
    columns = {word: part.column(word) for word in {word for row in rows for word in row}}
    entries = [
        (place, columns[word], weight)
        for place, row in enumerate(rows)
        for word, weight in row.items()
        if columns[word] is not None
    ]
    places, numbers, values = zip(*entries, strict=True) if entries else ((), (), ())
    return sp.csr_matrix(
        (np.array(values, dtype=np.float32), (places, numbers)), shape=(len(rows), len(part.words))
    )
