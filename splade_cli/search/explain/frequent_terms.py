"""Frequent terms: those that are active in so many documents that they tell none apart.

A posting of such a term costs what any posting costs, and moves all scores alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.base import Catalog, Engine, TermStatistics, VectorStore
from splade_cli.errors import InputError, OptionError
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.explain.snippets import snippet
from splade_cli.search.explain.term_names import continues_a_word, readable
from splade_cli.search.explain.terms import term_name
from splade_cli.search.explain.unmarked import on_one_line

ABOVE = 0.2
_SAMPLE = 256
_EXAMPLE_COLUMNS = 80
TermKind = Literal["stop word", "sign", "piece", "number", "word", "latent"]


@dataclass(frozen=True)
class FrequentTerm:
    """One term; shares are of 1.

    Attributes:
        documents: share of the documents that it is active in.
        mean_weight: over those documents.
        postings: its share of all postings.
        mass: its share of the sum of all absolute weights.
        added: share of a sample of those documents whose words it is none of: the model added it.
        example_id: a document of the sample that it is active in, where possible one whose words it is none
            of.
        example: a piece of that document.
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
class FrequentTermReport:
    """The terms in more than a share of the documents, most frequent first, and what they cost together.

    Attributes:
        above: the share.
        rows: texts that were counted.
        active: terms that are active in any of them.
        postings, mass: shares of all postings and of all weight.
    """

    above: float
    rows: int
    active: int
    postings: float
    mass: float
    terms: tuple[FrequentTerm, ...]


def frequent_terms(
    engine: Engine,
    vocabulary: Sequence[str],
    matcher: TermMatcher,
    above: float = ABOVE,
    language: str | None = None,
) -> FrequentTermReport:
    """The terms active in more than the share `above` of the documents.

    Args:
        matcher: tells which terms are words of a text.
        language: whose stop words are named as such; guessed from the texts by default.

    Raises:
        InputError: `above` is not between 0 and 1, or the engine does not know its terms.
    """
    if not 0 <= above < 1:
        raise OptionError(
            f"the share of documents must be from 0 to 1, got {above:g}", "e.g. 0.2 for a fifth"
        )
    if not engine.capabilities >= {"frequencies", "catalog", "vectors"}:
        raise InputError("this engine does not say how frequent its terms are", "ask for the terms of a text")
    totals = cast(TermStatistics, engine).term_totals()
    frequent = np.flatnonzero(totals.texts > above * len(engine))
    frequent = frequent[np.lexsort((frequent, -totals.texts[frequent]))]
    postings = max(1, int(totals.texts.sum()))
    mass = float(totals.magnitudes.sum()) or 1.0
    sample = _Sample(engine, vocabulary, matcher, frequent.tolist(), language)
    terms = []
    for column in frequent.tolist():
        example_id, example = sample.example(column)
        term = FrequentTerm(
            term=term_name(vocabulary, column),
            kind=sample.kind(column),
            documents=float(totals.texts[column] / len(engine)),
            mean_weight=float(totals.weights[column] / totals.texts[column]),
            postings=float(totals.texts[column] / postings),
            mass=float(totals.magnitudes[column] / mass),
            added=sample.added(column),
            example_id=example_id,
            example=example,
        )
        terms.append(term)
    return FrequentTermReport(
        above=above,
        rows=len(engine),
        active=int(np.count_nonzero(totals.texts)),
        postings=float(totals.texts[frequent].sum() / postings),
        mass=float(totals.magnitudes[frequent].sum() / mass),
        terms=tuple(terms),
    )


class _Sample:
    """Some texts, evenly spread, and which of the terms in question are words of theirs."""

    def __init__(
        self,
        engine: Engine,
        vocabulary: Sequence[str],
        matcher: TermMatcher,
        columns: Sequence[int],
        language: str | None,
    ) -> None:
        self._matcher = matcher
        self._names = {column: term_name(vocabulary, column) for column in columns}
        self._named = bool(len(vocabulary))
        ids = _spread(engine)
        self._chunks = engine.fetch(ids)
        self._vectors = sp.csc_matrix(cast(VectorStore, engine).vectors(ids))
        texts = [chunk.text for chunk in self._chunks]
        self._texts = any(texts)
        names = list(self._names.values())
        self._literal = [matcher.literal(names, chunk.title, chunk.text) for chunk in self._chunks]
        self._stop_words: frozenset[str] = frozenset()
        if self._names and self._texts and self._named:
            from splade_cli.index.bm25.analyzer import stop_words
            from splade_cli.index.bm25.language import guess_language

            self._stop_words = stop_words(language or guess_language(texts), full=True)

    def kind(self, column: int) -> TermKind:
        name = readable(self._names[column])
        if not self._named:
            return "latent"
        if name.lower() in self._stop_words:
            return "stop word"
        if not any(letter.isalnum() for letter in name) or (name.startswith("[") and name.endswith("]")):
            return "sign"
        if continues_a_word(name):
            return "piece"
        if name.isdecimal():
            return "number"
        return "word"

    def added(self, column: int) -> float | None:
        rows, _ = self._active(column)
        if not self._texts or not self._named or not len(rows):
            return None
        name = self._names[column]
        return float(np.mean([name not in self._literal[row] for row in rows]))

    def example(self, column: int) -> tuple[str, str]:
        """Id and snippet of the text that it weighs most in, if possible one whose words it is none of."""
        rows, weights = self._active(column)
        if not len(rows):
            return "", ""
        name = self._names[column]
        pairs = zip(rows.tolist(), weights.tolist(), strict=True)
        row, _ = min(pairs, key=lambda pair: (name in self._literal[pair[0]], -pair[1]))
        chunk = self._chunks[row]
        line = on_one_line(chunk.text)
        return chunk.id, snippet(line, self._matcher.words(line, [name]), _EXAMPLE_COLUMNS).text

    def _active(self, column: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        start, end = self._vectors.indptr[column : column + 2]
        return self._vectors.indices[start:end], self._vectors.data[start:end]


def _spread(engine: Engine) -> list[str]:
    positions = np.unique(np.linspace(0, max(0, len(engine) - 1), _SAMPLE).astype(np.int64)).tolist()
    wanted = set(positions[: len(engine)])
    return [each for position, each in enumerate(cast(Catalog, engine).ids()) if position in wanted]
