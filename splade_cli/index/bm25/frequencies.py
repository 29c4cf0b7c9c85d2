"""Texts in, the counts of their words as one segment keeps them out, and BM25's document factor of them.

The factor of a word t in a row d [Robertson and Zaragoza 2009, in Lucene's variant, k1 = 1.2, b = 0.75]:

    tf / (tf + k1 (1 - b + b length(d) / mean length))

Knows no queries and no other segments; counts are kept beside the factors, so that segments can be joined.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.bm25.analyzer import StoredWords, guess_language, numbered_words
from splade_cli.index.engine.postings import Postings
from splade_cli.index.store.arrays import mapped

K1, B = 1.2, 0.75
WINDOW = 20_000
_ARRAYS = ("counts.indptr", "counts.indices", "counts.data", "lengths", "frequencies", "words")


class Lexical:
    """The words of one segment's rows.

    Attributes:
        counts: CSR [rows, words], how often each word stands in each row; unsigned integers.
        lengths: int32 [rows], words of each row, repeats included.
        frequencies: int32 [words], rows that hold each word.
        words: sorted.
        language: whose stop words and stemmer were used.
        mean_length: of the rows, as it went into the impacts.
    """

    def __init__(
        self,
        counts: sp.csr_matrix,
        words: Sequence[str],
        language: str,
        mean_length: float | None = None,
        *,
        lengths: NDArray[np.int32] | None = None,
        frequencies: NDArray[np.int32] | None = None,
        postings: Postings | None = None,
    ) -> None:
        self.counts, self.words, self.language = counts, words, language
        self.lengths = np.asarray(counts.sum(1, dtype=np.int32)).ravel() if lengths is None else lengths
        self.frequencies = (
            np.bincount(counts.indices, minlength=counts.shape[1]).astype(np.int32)
            if frequencies is None
            else frequencies
        )
        self.mean_length = (
            float(self.lengths.mean()) if mean_length is None and len(self) else mean_length or 0.0
        )
        self._postings = postings

    @classmethod
    def build(
        cls, texts: Iterable[str], language: str | None = None, *, mean_length: float | None = None
    ) -> Lexical:
        """Counts the words of `texts`, WINDOW texts at a time.

        Args:
            language: guessed where not given, for which the texts must all be at hand.
            mean_length: to use in place of these texts' own, e.g. that of a whole index to which they are added.
        """
        if language is None:
            texts = texts if isinstance(texts, Sequence) else list(texts)
            language = guess_language(texts)
        numbers: dict[str, int] = {}
        parts, waiting = [], iter(texts)
        while window := list(islice(waiting, WINDOW)):
            rows, names = numbered_words(window, language)
            columns = np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int32)
            lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
            flat = np.fromiter(
                (word for row in rows for word in row), dtype=np.int64, count=int(lengths.sum())
            )
            places = np.repeat(np.arange(len(rows)), lengths)
            parts.append((np.ones(len(flat), dtype=np.int32), columns[flat], places, len(rows)))
        order = sorted(numbers)
        ranks = np.empty(len(order), dtype=np.int32)
        ranks[[numbers[name] for name in order]] = np.arange(len(order), dtype=np.int32)
        stacked = [
            sp.csr_matrix((ones, (places, ranks[columns])), shape=(count, len(order)))
            for ones, columns, places, count in parts
        ]
        return cls(_small(_stack(stacked, len(order))), order, language, mean_length)

    @classmethod
    def join(cls, parts: Sequence[Lexical], alive: Sequence[NDArray[np.bool_] | None]) -> Lexical:
        """One of the living rows of several, in their order, with the mean length of just these rows."""
        words = sorted({word for part in parts for word in part.words})
        numbers = {word: number for number, word in enumerate(words)}
        stacked = []
        for part, kept in zip(parts, alive, strict=True):
            rows = part.counts if kept is None else part.counts[np.flatnonzero(kept)]
            columns = np.array([numbers[word] for word in part.words], dtype=np.int32)
            joined = (rows.data, columns[rows.indices], rows.indptr)
            stacked.append(sp.csr_matrix(joined, shape=(rows.shape[0], len(words))))
        counts = _stack(stacked, len(words))
        used = np.flatnonzero(np.bincount(counts.indices, minlength=len(words)))
        return cls(_small(counts[:, used]), [words[number] for number in used], language_of(parts))

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    def impacts(self) -> sp.csr_matrix:
        """CSR float32 [rows, words]: the factor of BM25 that belongs to the document."""
        slack = K1 * (1 - B + B * self.lengths / max(self.mean_length, 1e-9))
        spread = np.repeat(slack, np.diff(self.counts.indptr))
        values = (self.counts.data / (self.counts.data + spread)).astype(np.float32)
        return sp.csr_matrix((values, self.counts.indices, self.counts.indptr), shape=self.counts.shape)

    @property
    def postings(self) -> Postings:
        """The impacts as postings; made when first asked for, if they were not opened."""
        if self._postings is None:
            self._postings = Postings.build(self.impacts())
        return self._postings

    def column(self, word: str) -> int | None:
        """The column of a stemmed word."""
        place = bisect_left(self.words, word)
        return place if place < len(self.words) and self.words[place] == word else None

    def write(self, folder: Path) -> None:
        """Writes ``lexical.*`` and the folder ``lexical/`` of postings into an existing folder."""
        encoded = [word.encode() for word in self.words]
        (folder / "lexical.words.txt").write_bytes(b"".join(encoded))
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        counts = self.counts
        arrays = (
            counts.indptr.astype(np.int64),
            counts.indices,
            counts.data,
            self.lengths,
            self.frequencies,
            ends,
        )
        for name, array in zip(_ARRAYS, arrays, strict=True):
            np.save(folder / f"lexical.{name}.npy", array)
        facts = {
            "language": self.language,
            "mean_length": self.mean_length,
            "rows": len(self),
            "k1": K1,
            "b": B,
        }
        (folder / "lexical.json").write_text(json.dumps(facts), encoding="utf-8")
        (folder / "lexical").mkdir()
        Postings.write(folder / "lexical", [self.impacts()], len(self.words))

    @classmethod
    def open(cls, folder: Path) -> Lexical:
        """Opens what `write` left, memory-mapped. Raises IndexFolderError where files are missing or do not fit."""
        try:
            facts = json.loads((folder / "lexical.json").read_text(encoding="utf-8"))
            indptr, indices, data, lengths, frequencies, ends = (
                mapped(folder / f"lexical.{name}.npy") for name in _ARRAYS
            )
            words = StoredWords(folder / "lexical.words.txt", ends)
            shape = (facts["rows"], len(words))
            fits = len(lengths) == shape[0] == len(indptr) - 1 and len(frequencies) == shape[1]
            if not fits or not len(data) == len(indices) == indptr[-1]:
                raise ValueError("sizes do not fit")
            counts = sp.csr_matrix((data, indices, indptr), shape=shape, copy=False)
        except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
            raise IndexFolderError(
                f"{folder}: the BM25 part cannot be read ({error})", "make the index again"
            ) from None
        return cls(
            counts, words, facts["language"], facts["mean_length"], lengths=lengths, frequencies=frequencies,
            postings=Postings.open(folder / "lexical"),
        )  # fmt: skip


def language_of(parts: Sequence[Lexical]) -> str:
    """The language of all of them. Raises InputError where they differ."""
    languages = sorted({part.language for part in parts})
    if len(languages) > 1:
        raise InputError(f"BM25 over rows in {' and '.join(languages)}", "index them with one language")
    return languages[0] if languages else "english"


def _stack(parts: Sequence[sp.csr_matrix], columns: int) -> sp.csr_matrix:
    return sp.vstack(parts, format="csr") if parts else sp.csr_matrix((0, columns), dtype=np.int32)


def _small(counts: sp.csr_matrix) -> sp.csr_matrix:
    """The same with indices of 4 bytes and counts of as few as they need."""
    counts.sum_duplicates()
    smallest = np.min_scalar_type(int(counts.data.max())) if counts.nnz else np.dtype(np.uint8)
    data: Any = counts.data.astype(smallest)
    return sp.csr_matrix((data, counts.indices.astype(np.int32), counts.indptr), shape=counts.shape)
