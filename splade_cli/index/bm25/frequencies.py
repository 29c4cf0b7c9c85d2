"""Term frequencies of the texts of one segment, and the part of BM25 that belongs to them.

The impact of a term t in a row d [Robertson and Zaragoza 2009, in Lucene's variant, k1 = 1.2, b = 0.75]:

    tf / (tf + k1 (1 - b + b length(d) / mean length))

Frequencies are kept beside the impacts, so that segments can be joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.index.bm25.analyzer import analysed_codes
from splade_cli.index.bm25.language import guess_language
from splade_cli.index.containers.dictionary import TextDictionary, encoded
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.containers.stored_rows import StoredRows
from splade_cli.index.engine.postings import Postings

K1, B = 1.2, 0.75
LIE = "its counts of words do not fit together"
WINDOW = 20_000
DEFAULT_LANGUAGE = "english"


class TermFrequencies:
    """How often each term stands in each row of a segment.

    Args:
        counts: CSR [rows, terms], unsigned integers.
        terms: ascending.
        language: whose stop words and stemmer were used.
        mean_length: of the rows, as it goes into the impacts.
        lengths: int32 [rows]; counted where not given.
        document_frequencies: int32 [terms]; counted where not given.
        postings: the impacts; made when first asked for where not given.
        file: where all of them lie, checked when they are first read; None in memory.
    """

    def __init__(
        self,
        counts: sp.csr_matrix | StoredRows,
        terms: Sequence[str] | TextDictionary,
        language: str,
        mean_length: float | None = None,
        *,
        lengths: NDArray[np.int32] | None = None,
        document_frequencies: NDArray[np.int32] | None = None,
        postings: Postings | None = None,
        file: MappedFile | None = None,
    ) -> None:
        self.rows = counts if isinstance(counts, StoredRows) else StoredRows.of(counts)
        if not isinstance(terms, TextDictionary):
            terms = TextDictionary(*encoded(terms))
        self.terms = terms
        self.language = language
        self._lengths = lengths
        self._document_frequencies = document_frequencies
        self._mean_length = mean_length
        self._postings = postings
        self._file = file

    @property
    def counts(self) -> sp.csr_matrix:
        """CSR [rows, terms], how often each row holds each term."""
        return self.rows.whole

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """int32 [rows], terms of each row, repeats included."""
        if self._lengths is None:
            return np.asarray(self.counts.sum(1, dtype=np.int32)).ravel()
        return self._counted(self._lengths)

    @cached_property
    def document_frequencies(self) -> NDArray[np.int32]:
        """int32 [terms], rows that hold each term."""
        if self._document_frequencies is None:
            return np.bincount(self.counts.indices, minlength=self.counts.shape[1]).astype(np.int32)
        frequencies = self._counted(self._document_frequencies)
        if self._file is not None and frequencies.max(initial=0) > len(self):
            raise self._file.damage(LIE)
        return frequencies

    @cached_property
    def mean_length(self) -> float:
        """Of the rows, as it went into the impacts."""
        if self._mean_length is not None:
            return self._mean_length
        return float(self.lengths.mean()) if len(self.lengths) else 0.0

    def _counted(self, counts: NDArray[np.int32]) -> NDArray[np.int32]:
        """Counts as they were given, checked."""
        if self._file is not None:
            self._file.require_arrays(counts)
            if counts.min(initial=0) < 0:
                raise self._file.damage(LIE)
        return counts

    def require_whole(self) -> None:
        """Raises IndexFolderError where anything is damaged, or does not fit together."""
        self.terms.require_whole()
        self.postings.require_whole()
        if self._file is not None and not len(self.counts.indptr) - 1 == len(self.lengths) == len(self):
            raise self._file.damage(LIE)
        if self._file is not None and len(self.document_frequencies) != len(self.terms):
            raise self._file.damage(LIE)

    @classmethod
    def build(
        cls, texts: Iterable[str], language: str | None = None, *, mean_length: float | None = None
    ) -> TermFrequencies:
        """Counts the terms of `texts`, WINDOW texts at a time.

        Args:
            language: guessed where not given, for which the texts must all be at hand.
            mean_length: to use in place of these texts' own, e.g. that of a whole index to which they are
                added.
        """
        if language is None:
            texts = list(texts)
            language = guess_language(texts)
        counter = TermCounter(language)
        counter.add(texts)
        return counter.frequencies(mean_length)

    @classmethod
    def join(
        cls, parts: Sequence[TermFrequencies], alive: Sequence[NDArray[np.bool_] | None]
    ) -> TermFrequencies:
        """Those of the living rows of several segments, in their order, with the mean length of just these
        rows."""
        terms = sorted({term for part in parts for term in part.terms})
        code_of = {term: code for code, term in enumerate(terms)}
        stacked = []
        for part, mask in zip(parts, alive, strict=True):
            rows = part.counts
            if mask is not None:
                rows = rows[np.flatnonzero(mask)]
            columns = np.array([code_of[term] for term in part.terms], dtype=np.int32)
            stacked.append(_with_columns(rows, columns, len(terms)))
        counts = _stacked(stacked, len(terms))
        used = np.flatnonzero(np.bincount(counts.indices, minlength=len(terms)))
        return cls(_smallest(counts[:, used]), [terms[code] for code in used], language_of(parts))

    def __len__(self) -> int:
        return self.rows.shape[0]

    def impacts(self) -> sp.csr_matrix:
        """CSR float32 [rows, terms]: the factor of BM25 that belongs to the document."""
        slack = K1 * (1 - B + B * self.lengths / max(self.mean_length, 1e-9))
        spread = np.repeat(slack, np.diff(self.counts.indptr))
        values = (self.counts.data / (self.counts.data + spread)).astype(np.float32)
        return sp.csr_matrix((values, self.counts.indices, self.counts.indptr), shape=self.counts.shape)

    @property
    def postings(self) -> Postings:
        """The impacts as posting lists; made when first asked for, if they were not opened."""
        if self._postings is None:
            self._postings = Postings.build(self.impacts())
        return self._postings


class TermCounter:
    """Counts the terms of texts that pass, WINDOW texts at a time.

    Args:
        language: whose stop words and stemmer are used.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._waiting: list[str] = []
        self._code_of: dict[str, int] = {}
        self._parts: list[sp.csr_matrix] = []

    def add(self, texts: Iterable[str]) -> None:
        """Counts the terms of more texts."""
        for text in texts:
            self._waiting.append(text)
            if len(self._waiting) == WINDOW:
                self._count()

    def frequencies(self, mean_length: float | None = None) -> TermFrequencies:
        """Those of all texts that have passed; `mean_length` as in `TermFrequencies.build`."""
        if self._waiting:
            self._count()
        terms = sorted(self._code_of)
        ranks = np.empty(len(terms), dtype=np.int32)
        ranks[[self._code_of[term] for term in terms]] = np.arange(len(terms), dtype=np.int32)
        ordered = [_with_columns(part, ranks, len(terms)) for part in self._parts]
        counts = _smallest(_stacked(ordered, len(terms)))
        return TermFrequencies(counts, terms, self._language, mean_length)

    def _count(self) -> None:
        self._parts.append(_counted(self._waiting, self._language, self._code_of))
        self._waiting = []


def language_of(parts: Sequence[TermFrequencies]) -> str:
    """The language of all of them. Raises InputError where they differ."""
    languages = sorted({part.language for part in parts})
    if len(languages) > 1:
        raise InputError(f"BM25 over rows in {' and '.join(languages)}", "index them with one language")
    if not languages:
        return DEFAULT_LANGUAGE
    return languages[0]


def _counted(texts: Sequence[str], language: str, code_of: dict[str, int]) -> sp.csr_matrix:
    """Counts CSR [texts, codes so far]; gives new terms the next codes."""
    rows, names = analysed_codes(texts, language)
    columns = np.array([code_of.setdefault(name, len(code_of)) for name in names], dtype=np.int32)
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    codes = np.fromiter((code for row in rows for code in row), dtype=np.int64, count=int(lengths.sum()))
    numbers = np.repeat(np.arange(len(rows)), lengths)
    ones = np.ones(len(codes), dtype=np.int32)
    return sp.csr_matrix((ones, (numbers, columns[codes])), shape=(len(rows), len(code_of)))


def _with_columns(counts: sp.csr_matrix, columns: NDArray[np.int32], width: int) -> sp.csr_matrix:
    """The same with column c as ``columns[c]``."""
    parts = (counts.data, columns[counts.indices], counts.indptr)
    return sp.csr_matrix(parts, shape=(counts.shape[0], width))


def _stacked(parts: Sequence[sp.csr_matrix], columns: int) -> sp.csr_matrix:
    if not parts:
        return sp.csr_matrix(np.empty((0, columns), dtype=np.int32))
    return sp.csr_matrix(sp.vstack(parts, format="csr"))


def _smallest(counts: sp.csr_matrix) -> sp.csr_matrix:
    """The same with indices of 4 bytes and counts of as few as they need."""
    counts.sum_duplicates()
    dtype = np.min_scalar_type(int(counts.data.max())) if counts.nnz else np.dtype(np.uint8)
    data: Any = counts.data.astype(dtype)
    return sp.csr_matrix((data, counts.indices.astype(np.int32), counts.indptr), shape=counts.shape)
