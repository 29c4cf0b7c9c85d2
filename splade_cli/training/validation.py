"""Validation of the current weights: retrieval measures of held-out queries over a small corpus."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import scipy.sparse as sp

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Qrels
from splade_cli.datasets.teacher_run import TeacherRun, is_for_others
from splade_cli.engines.local import LocalEngine
from splade_cli.evaluation.costs import sparsity
from splade_cli.evaluation.metrics import PerQuery, means, parse_measure, per_query, run_of_ranking
from splade_cli.index.index import SpladeIndex
from splade_cli.model.encode import encode
from splade_cli.model.loaded import LoadedModel
from splade_cli.records import Chunk, Example
from splade_cli.search.searcher import Searcher

DOCUMENTS_AT_MOST = 2000
QUERIES_AT_MOST = 300
DEPTH = 100
MEASURES = ("nDCG@10", "MRR@10", "Recall@100")


class FixedQueries:
    """A query encoder for queries that are encoded already, all at once."""

    def __init__(self, queries: Sequence[str], vectors: sp.csr_matrix) -> None:
        self._rows = {query: row for row, query in enumerate(queries)}
        self._vectors = vectors

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """See `QueryEncoder.encode`."""
        return self._vectors[[self._rows[text] for text in texts]]


@dataclass(frozen=True)
class Validation:
    """A small collection of held-out queries; `qrels` by number of query and document, as text.

    Attributes:
        sources: the document that a query was written from and that is no result of it, by their numbers.
    """

    queries: list[str]
    documents: list[str]
    qrels: Qrels
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_examples(
        cls,
        held_out: Sequence[Example],
        training: Sequence[Example] = (),
        seed: int = 42,
        runs: Sequence[TeacherRun] = (),
    ) -> Validation:
        """Held-out queries over every document of their rows, and as many of the training rows' as fit.

        A query that was written from a chunk, and that is trained without it, is judged by what else its
        teachers rank first: whether it finds its own chunk says how literally a model matches.
        """
        generator = random.Random(seed)
        rows = list(held_out)
        if len(rows) > QUERIES_AT_MOST:
            rows = generator.sample(rows, QUERIES_AT_MOST)
        taught = _taught(rows, runs)
        found = [text for scores in taught.values() for text in scores]
        documents = list(dict.fromkeys([*_documents(rows), *found]))
        others = _documents(training)
        generator.shuffle(others)
        room = max(0, DOCUMENTS_AT_MOST - len(documents))
        documents = list(dict.fromkeys([*documents, *others[:room]]))
        document_ids = {text: str(number) for number, text in enumerate(documents)}
        queries = list(dict.fromkeys(row.query for row in rows))
        query_ids = {query: str(number) for number, query in enumerate(queries)}
        qrels: Qrels = {}
        sources: dict[str, str] = {}
        for row in rows:
            grades = qrels.setdefault(query_ids[row.query], {})
            if row.query in taught:
                grades.update({document_ids[text]: score for text, score in taught[row.query].items()})
                sources[query_ids[row.query]] = document_ids[row.positive]
            else:
                grades[document_ids[row.positive]] = 1
        return cls(queries, documents, qrels, sources)

    @classmethod
    def from_collection(cls, collection: Collection) -> Validation:
        """Every judged query over every document, documents whole."""
        document_ids = {document.id: str(number) for number, document in enumerate(collection.documents)}
        query_ids = {query: str(number) for number, query in enumerate(collection.queries)}
        qrels: Qrels = {}
        for query, grades in collection.qrels.items():
            if query in query_ids:
                known = {document_ids[id]: grade for id, grade in grades.items() if id in document_ids}
                qrels[query_ids[query]] = known
        texts = [Chunk(doc.id, doc.id, doc.text, doc.title).content for doc in collection.documents]
        return cls(list(collection.queries.values()), texts, qrels)

    def measure(
        self, loaded: LoadedModel, batch_size: int, measures: Sequence[str] = MEASURES
    ) -> dict[str, float]:
        """Measures, and mean ``query_terms`` and ``document_terms``, with the model's current weights."""
        values, terms = self.values(loaded, batch_size, measures)
        return {**means(values), **terms}

    def values(
        self, loaded: LoadedModel, batch_size: int, measures: Sequence[str]
    ) -> tuple[PerQuery, dict[str, float]]:
        """The same, a value for each query."""
        loaded.model.eval()
        documents = encode(loaded, self.documents, "document", batch_size=batch_size)
        queries = encode(loaded, self.queries, "query", batch_size=batch_size)
        depth = max([DEPTH, *(parse_measure(name)[1] or 0 for name in measures)])
        engine = LocalEngine(SpladeIndex.from_vectors(documents))
        searcher = Searcher(engine, FixedQueries(self.queries, queries))
        ranking = searcher.rank(self.queries, depth + bool(self.sources))
        run = run_of_ranking([str(number) for number in range(len(self.queries))], ranking, depth + 1)
        for query, source in self.sources.items():
            run[query].pop(source, None)
        terms = {"query_terms": sparsity(queries).mean, "document_terms": sparsity(documents).mean}
        return per_query(run, self.qrels, measures), terms


def _taught(rows: Sequence[Example], runs: Sequence[TeacherRun]) -> dict[str, dict[str, float]]:
    """What else the teachers rank first, by query, for the queries that were written from a chunk."""
    taught: dict[str, dict[str, float]] = {}
    for row in rows:
        for run in runs:
            if is_for_others(row.query_type) and row.query in run.queries:
                found = run.first(row.query, without=row.positive)
                if found:
                    taught[row.query] = found
    return taught


def _documents(rows: Sequence[Example]) -> list[str]:
    """The different documents of rows, in order."""
    return list(dict.fromkeys(text for row in rows for text in (row.positive, *row.negatives)))
