"""Terms that are active in so many documents that they tell none apart: an index in, a report of them out.

A posting of such a term costs what any posting costs, and moves all scores alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.search.explain.literal_terms import readable, written
from splade_cli.search.explain.snippets import snippet
from splade_cli.search.explain.terms import term_name

ABOVE = 0.2
_SAMPLE, _EXAMPLE_COLUMNS = 256, 80
TermKind = Literal["stop word", "sign", "piece", "number", "word", "latent"]


@dataclass(frozen=True)
class JunkTerm:
    """One term; shares are of 1.

    Attributes:
        documents: share of the documents that it is active in.
        mean_weight: over those documents.
        postings: its share of all postings.
        mass: its share of the sum of all absolute weights.
        added: share of a sample of those documents that do not hold it as a word: the model added it.
        example_id, example: a document of the sample that it is active in, where possible one that does not hold it.
    """

    term: str
    kind: TermKind
    documents: float
    mean_weight: float
    postings: float
    mass: float
    added: float | None
    example_id: str
    example: str


@dataclass(frozen=True)
class JunkReport:
    """The terms above a share of documents, most frequent first, and what they cost together."""

    above: float
    rows: int
    active: int
    postings: float
    mass: float
    terms: tuple[JunkTerm, ...]


def junk_terms(index: SpladeIndex, above: float = ABOVE, language: str | None = None) -> JunkReport:
    """The terms active in more than the share `above` of the documents.

    Args:
        language: whose stop words are named as such; guessed from the texts by default.

    Raises:
        InputError: `above` is not between 0 and 1.
    """
    if not 0 <= above < 1:
        raise InputError(f"the share of documents must be from 0 to 1, got {above:g}", "e.g. 0.2 for a fifth")
    dimensions = index.dimensions
    counts, sums, mass = np.zeros(dimensions, dtype=np.int64), np.zeros(dimensions), np.zeros(dimensions)
    rows = 0
    for block in _parts(index):
        rows += block.shape[0]
        counts += np.bincount(block.indices, minlength=dimensions)
        sums += np.bincount(block.indices, weights=block.data, minlength=dimensions)
        mass += np.bincount(block.indices, weights=np.abs(block.data), minlength=dimensions)
    frequent = np.flatnonzero(counts > above * rows)
    frequent = frequent[np.lexsort((frequent, -counts[frequent]))]
    postings, whole = max(1, int(counts.sum())), float(mass.sum()) or 1.0
    samples = _Sample(index, frequent, language)
    terms = tuple(
        JunkTerm(
            term=term_name(index.vocabulary, int(column)),
            kind=samples.kind(int(column)),
            documents=float(counts[column] / rows),
            mean_weight=float(sums[column] / counts[column]),
            postings=float(counts[column] / postings),
            mass=float(mass[column] / whole),
            added=samples.added(int(column)),
            example_id=samples.example(int(column))[0],
            example=samples.example(int(column))[1],
        )
        for column in frequent
    )
    return JunkReport(
        above,
        rows,
        int(np.count_nonzero(counts)),
        float(counts[frequent].sum() / postings),
        float(mass[frequent].sum() / whole),
        terms,
    )


def _parts(index: SpladeIndex) -> Iterator[sp.csr_matrix]:
    """The vectors of the rows that are not deleted, some at a time: they may be larger than memory."""
    for segment in index.segments:
        yield from segment.live_blocks()


class _Sample:
    """Some documents, evenly spread, and which of the terms in question stand in their words."""

    def __init__(self, index: SpladeIndex, columns: NDArray[np.int64], language: str | None) -> None:
        self._names = {int(column): term_name(index.vocabulary, int(column)) for column in columns}
        self._named = bool(len(index.vocabulary))
        live = index.live_rows()
        chosen = live[np.unique(np.linspace(0, max(0, len(live) - 1), _SAMPLE).astype(np.int64))[: len(live)]]
        self._rows = [index.rows[int(number)] for number in chosen]
        empty = sp.csr_matrix((0, index.dimensions), dtype=np.float32)
        self._vectors = sp.vstack([empty, *(index.vector(int(number)) for number in chosen)], format="csc")
        texts = [row.get("text", "") for row in self._rows]
        self._texts = any(texts)
        names = list(self._names.values())
        self._written = [
            written(names, f"{row.get('title', '')}\n{text}")
            for row, text in zip(self._rows, texts, strict=True)
        ]
        self._stop: frozenset[str] = frozenset()
        if self._names and self._texts and self._named:
            from splade_cli.index.bm25.analyzer import guess_language, stop_words

            self._stop = stop_words(language or guess_language(texts), full=True)

    def kind(self, column: int) -> TermKind:
        name = readable(self._names[column])
        if not self._named:
            return "latent"
        if name.lower() in self._stop:
            return "stop word"
        if not any(letter.isalnum() for letter in name) or (name.startswith("[") and name.endswith("]")):
            return "sign"
        if name.startswith("##"):
            return "piece"
        return "number" if name.isdecimal() else "word"

    def added(self, column: int) -> float | None:
        places, _ = self._active(column)
        if not self._texts or not self._named or not len(places):
            return None
        return float(np.mean([self._names[column] not in self._written[place] for place in places]))

    def example(self, column: int) -> tuple[str, str]:
        """Id and snippet; the document that it weighs most in, of those that do not hold it if there are any."""
        places, weights = self._active(column)
        if not len(places):
            return "", ""
        name = self._names[column]
        order = sorted(
            zip(places, weights, strict=True), key=lambda pair: (name in self._written[pair[0]], -pair[1])
        )
        row = self._rows[int(order[0][0])]
        return row["id"], snippet(row.get("text", ""), [name], _EXAMPLE_COLUMNS)

    def _active(self, column: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        start, end = self._vectors.indptr[column : column + 2]
        return self._vectors.indices[start:end], self._vectors.data[start:end]
