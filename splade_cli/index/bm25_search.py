"""BM25 search over the rows of several segments.

BM25 is a dot product, searched by the engine of the sparse vectors:

    score(q, d) = sum over terms t of  count(t, q) idf(t) * impact(t, d)
    impact(t, d) = tf / (tf + k1 (1 - b + b length(d) / mean length))
    idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5)),  N rows, n of them with t

The impact is stored, one `TermFrequencies` a segment. The rest is made for each query from the
counts of all living rows of all segments, so adding and deleting rows moves every IDF at once. The mean
length is the exception: it stands inside the stored factor, so a segment keeps the one that it was built with
until segments are joined. A mean that is x% off moves a score by at most b x%, and not the order of rows of
equal length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import require_positive
from splade_cli.idf import inverse_document_frequency
from splade_cli.index.bm25.analyzer import analysed
from splade_cli.index.bm25.frequencies import TermFrequencies, language_of
from splade_cli.index.engine.running.merging import RankedRows, merge
from splade_cli.index.store.segment import Segment
from splade_cli.records import WeightedText

KEPT_TERMS = 1 << 14
"""Terms whose IDF is remembered."""
Query = str | Sequence[WeightedText]
"""A text, or texts with a weight each, such as an expansion that should count for less."""


class KnownTerm(NamedTuple):
    """A term's IDF over the living rows, 0 where none holds it, and its code in each part that knows it."""

    idf: float
    codes: tuple[int | None, ...]


class Bm25Search:
    """BM25 over the rows of several segments, one after the other, with one IDF.

    Args:
        parts: of one language.
        alive: for each part, which rows still count; None for all.
    """

    def __init__(
        self, parts: Sequence[TermFrequencies], alive: Sequence[NDArray[np.bool_] | None] | None = None
    ) -> None:
        self.parts = list(parts)
        self.alive = list(alive or [None] * len(parts))
        self.language = language_of(parts)

    @classmethod
    def over(cls, texts: Sequence[str], language: str | None = None) -> Bm25Search:
        """Over texts in memory; the language of stop words and stemmer is guessed where not given."""
        return cls([TermFrequencies.build(texts, language)])

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> Bm25Search:
        """Over those segments of an index that hold term frequencies."""
        held = [segment for segment in segments if segment.bm25 is not None]
        parts = [segment.bm25 for segment in held if segment.bm25 is not None]
        return cls(parts, [segment.alive for segment in held])

    @cached_property
    def rows(self) -> int:
        """Living rows."""
        count = 0
        for part, mask in zip(self.parts, self.alive, strict=True):
            count += len(part) if mask is None else int(mask.sum())
        return count

    @cached_property
    def _document_frequencies(self) -> list[NDArray[np.int64]]:
        """Of the living rows, for each segment."""
        counted = []
        for part, mask in zip(self.parts, self.alive, strict=True):
            frequencies = np.asarray(part.document_frequencies, dtype=np.int64)
            if mask is not None and not mask.all():
                deleted = part.counts[np.flatnonzero(~mask)].indices
                frequencies = frequencies - np.bincount(deleted, minlength=len(frequencies))
            counted.append(frequencies)
        return counted

    @property
    def mean_length(self) -> float:
        """Words of a living row, on average: what a segment that is added is built with, for scores of one
        scale."""
        total = 0
        for part, mask in zip(self.parts, self.alive, strict=True):
            total += int(part.lengths.sum() if mask is None else part.lengths[mask].sum())
        return total / max(1, self.rows)

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """The IDF of each term, over the living rows; a term that none holds is left out."""
        return {term: idf for term in set(terms) for idf, _ in [self._known_term(term)] if idf}

    def frequencies(self, text: str) -> dict[str, int]:
        """The terms of a text as BM25 reads it, and how many living rows hold each."""
        counted = dict.fromkeys(self._counted(text), 0)
        for term in counted:
            codes = self._known_term(term).codes
            for code, frequencies in zip(codes, self._document_frequencies, strict=True):
                if code is not None:
                    counted[term] += int(frequencies[code])
        return counted

    @cached_property
    def _known_term(self) -> Callable[[str], KnownTerm]:
        return lru_cache(maxsize=KEPT_TERMS)(self._look_up)

    def _look_up(self, term: str) -> KnownTerm:
        codes = tuple([part.terms.code_of(term) for part in self.parts])
        frequency = 0
        for code, frequencies in zip(codes, self._document_frequencies, strict=True):
            if code is not None:
                frequency += int(frequencies[code])
        idf = 0.0
        if frequency > 0:
            idf = float(inverse_document_frequency(np.array([frequency]), self.rows)[0])
        return KnownTerm(idf, codes)

    def search(
        self,
        queries: Sequence[Query],
        k: int = 10,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> RankedRows:
        """The k rows of highest score for each query.

        Args:
            queries: a term in several texts of one query counts by the heaviest.
            allowed: bool over all rows, deleted ones included.
            threads: see `Postings.search`.

        Returns:
            Rows int64 [q, k] and scores float32 [q, k], best first, ties by row; missing ones -1 and -inf.
        """
        require_positive(k=k)
        counted = [self._counted(query) for query in queries]
        rankings: list[RankedRows] = []
        start = 0
        for number, (part, mask) in enumerate(zip(self.parts, self.alive, strict=True)):
            stop = start + len(part)
            if allowed is not None:
                mask = allowed[start:stop] if mask is None else allowed[start:stop] & mask
            matrix = self._query_vectors(counted, number)
            if matrix.nnz:
                rows, scores = part.postings.search(matrix, k, allowed=mask, threads=threads)
                if start:
                    rows[rows >= 0] += start
                rankings.append((rows, scores))
            start = stop
        if len(rankings) == 1:
            return rankings[0]
        return merge(rankings, k, len(queries))

    def _query_vectors(self, queries: Sequence[dict[str, float]], number: int) -> sp.csr_matrix:
        """Queries CSR [q, terms of the part of this number] from how much each term counts."""
        columns: list[int] = []
        weights: list[float] = []
        ends = [0]
        for counted in queries:
            found = []
            for term, count in counted.items():
                known = self._known_term(term)
                code = known.codes[number]
                if known.idf and code is not None:
                    found.append((code, known.idf * count))
            found.sort()
            columns.extend([code for code, _ in found])
            weights.extend([weight for _, weight in found])
            ends.append(len(columns))
        values = np.array(weights, dtype=np.float32)
        arrays = (values, np.array(columns, dtype=np.int32), np.array(ends, dtype=np.int32))
        return sp.csr_matrix(arrays, shape=(len(queries), len(self.parts[number].terms)))

    def explain(self, query: Query, row: int) -> list[tuple[str, float, float]]:
        """(term, query weight, document weight) of what a row shares with a query, heaviest product first."""
        counted = self._counted(query)
        idf = self.weights(counted)
        start = 0
        for part in self.parts:
            if row < start + len(part):
                break
            start += len(part)
        number = row - start
        alone = TermFrequencies(
            part.rows.row(number),
            part.terms,
            part.language,
            part.mean_length,
            lengths=part.lengths[number : number + 1],
            document_frequencies=part.document_frequencies,
        )
        impacts = alone.impacts()
        weights = dict(zip(impacts.indices.tolist(), impacts.data.tolist(), strict=True))
        shared = []
        for term, count in counted.items():
            code = part.terms.code_of(term)
            if code in weights and term in idf:
                shared.append((term, idf[term] * count, weights[code]))
        return sorted(shared, key=lambda each: -each[1] * each[2])

    def _counted(self, query: Query) -> dict[str, float]:
        """How much each term of a query counts, before its IDF."""
        texts = [(query, 1.0)] if isinstance(query, str) else list(query)
        analysed_texts = analysed([text for text, _ in texts], self.language)
        counted: dict[str, float] = {}
        for terms, (_, weight) in zip(analysed_texts, texts, strict=True):
            for term, count in Counter(terms).items():
                counted[term] = max(counted.get(term, 0.0), count * weight)
        return counted
