"""Lexical overlap and hardness of negatives: by BM25 over the documents of the rows, and by their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.generation.inspection.report import Bm25Hardness, Overlap, TeacherHardness
from splade_cli.idf import inverse_document_frequency
from splade_cli.index.bm25.analyzer import analysed
from splade_cli.index.bm25.frequencies import TermFrequencies
from splade_cli.records import Example

NEAR = 0.95
"""Share of the positive's score above which a negative may be an answer, see `MiningRules`."""


@dataclass(frozen=True)
class Pairs:
    """Queries and documents of rows as they are compared, one entry a pair, each row's positive first.

    Attributes:
        rows: int64 [pairs], ascending.
        shared: float64 [pairs], the share of the query's different terms that stand in the document; NaN
            where the query has none.
        scores: float64 [pairs], BM25 of the document for the query.
        is_positive: bool [pairs].
    """

    rows: NDArray[np.int64]
    shared: NDArray[np.float64]
    scores: NDArray[np.float64]
    is_positive: NDArray[np.bool_]


def compared(examples: Sequence[Example], language: str) -> Pairs:
    """BM25's view of each row's documents."""
    documents: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    is_positive: list[bool] = []
    for number, example in enumerate(examples):
        for position, text in enumerate((example.positive, *example.negatives)):
            rows.append(number)
            columns.append(documents.setdefault(text, len(documents)))
            is_positive.append(position == 0)
    frequencies = TermFrequencies.build(documents, language)
    held = (frequencies.counts > 0).astype(np.float64)
    queries, terms = _query_matrix([example.query for example in examples], frequencies, language)
    idf = inverse_document_frequency(frequencies.document_frequencies, len(frequencies))
    weighted = sp.csr_matrix(queries.multiply(idf[None, :]))
    with np.errstate(invalid="ignore"):
        shared = _products((queries > 0).astype(np.float64), held, rows, columns) / terms[rows]
    return Pairs(
        np.asarray(rows, dtype=np.int64),
        shared,
        _products(weighted, frequencies.impacts(), rows, columns),
        np.asarray(is_positive, dtype=np.bool_),
    )


def overlap(pairs: Pairs) -> Overlap | None:
    """How many of a query's words its documents have; None where no query has one."""
    known = ~np.isnan(pairs.shared)
    positive = pairs.shared[known & pairs.is_positive]
    negative = pairs.shared[known & ~pairs.is_positive]
    if not len(positive):
        return None
    return Overlap(
        rows=len(positive),
        positive=float(positive.mean()),
        negative=float(negative.mean()) if len(negative) else None,
        all_terms=int((positive == 1).sum()),
        no_term=int((positive == 0).sum()),
    )


def bm25_hardness(pairs: Pairs) -> Bm25Hardness | None:
    """How BM25 ranks negatives against their positives; None where no row has any."""
    of_row = np.zeros(int(pairs.rows.max()) + 1)
    of_row[pairs.rows[pairs.is_positive]] = pairs.scores[pairs.is_positive]
    negatives = pairs.scores[~pairs.is_positive]
    rows = pairs.rows[~pairs.is_positive]
    if not len(negatives):
        return None
    above = negatives >= of_row[rows]
    return Bm25Hardness(
        rows=len(np.unique(rows)),
        negatives=len(negatives),
        first=float(1 - len(np.unique(rows[above])) / len(np.unique(rows))),
        above=float(above.mean()),
        no_word=float((negatives <= 0).mean()),
    )


def teacher_hardness(examples: Sequence[Example]) -> TeacherHardness | None:
    """The scores of negatives against their positives'; None where no row has both."""
    rows = 0
    positives: list[float] = []
    negatives: list[float] = []
    for example in examples:
        if example.scores is not None and example.negatives:
            rows += 1
            positives += [example.scores[0]] * (len(example.scores) - 1)
            negatives += example.scores[1:]
    if not negatives:
        return None
    of_positive = np.asarray(positives)
    of_negative = np.asarray(negatives)
    return TeacherHardness(
        rows=rows,
        negatives=len(negatives),
        margin=float((of_positive - of_negative).mean()),
        above=float((of_negative >= of_positive).mean()),
        near=float((of_negative >= of_positive - (1 - NEAR) * abs(of_positive)).mean()),
    )


def _query_matrix(
    queries: Sequence[str], frequencies: TermFrequencies, language: str
) -> tuple[sp.csr_matrix, NDArray[np.float64]]:
    """CSR [queries, terms] of how often each holds each term of the documents; and its different terms."""
    data: list[int] = []
    rows: list[int] = []
    columns: list[int] = []
    different = np.zeros(len(queries))
    for number, terms in enumerate(analysed(queries, language)):
        counts = Counter(terms)
        different[number] = len(counts)
        for term, count in counts.items():
            code = frequencies.terms.code_of(term)
            if code is not None:
                data.append(count)
                rows.append(number)
                columns.append(code)
    shape = (len(queries), len(frequencies.terms))
    return sp.csr_matrix((data, (rows, columns)), shape=shape, dtype=np.float64), different


def _products(
    queries: sp.csr_matrix, documents: sp.csr_matrix, rows: Sequence[int], columns: Sequence[int]
) -> NDArray[np.float64]:
    """Dot products of pairs of rows, float64 [pairs]."""
    products = queries[rows].multiply(documents[columns])
    return np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
