"""Judged queries and something that ranks in, a measured system out: sparse, BM25, dense, fused, reranked.

Each system is made from a `Source`, so that what is fused, fitted or reranked is exactly what stands beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.corpus.chunks import split_documents
from splade_cli.datasets.collections import Collection, Run
from splade_cli.evaluation.costs import Cost, cost_of
from splade_cli.evaluation.fidelity import Encode
from splade_cli.evaluation.metrics import means, per_query, run_from_rows
from splade_cli.evaluation.report import SystemResult
from splade_cli.index.bm25.search import Bm25
from splade_cli.index.engine import ranking as fusion
from splade_cli.index.engine.ranking import Ranking
from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors import dense
from splade_cli.index.vectors.weighting import idf, reweighted
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.encoders import Attach, open_query_encoder
from splade_cli.records import Chunk, Progress, silent
from splade_cli.search.rerank import Reranker, rerank

DEPTH = 100


class DenseEncoder(Protocol):
    """A dense model, e.g. `model.dense.DenseModel`."""

    @property
    def name(self) -> str:
        """As it is known to the user."""

    def encode(
        self, texts: Sequence[str], kind: str = "document", *, progress: Progress = silent
    ) -> NDArray[np.float32]:
        """Vectors float32 [len(texts), d]; `kind` is ``document`` or ``query``."""


@dataclass(frozen=True)
class Source:
    """Something that ranks the rows of a task: ``search(query texts, depth)``."""

    name: str
    search: Callable[[Sequence[str], int], Ranking]
    cost: Callable[[Sequence[str]], Cost] | None = None


@dataclass(frozen=True)
class Task:
    """What all systems rank: the units of a collection for its queries.

    Attributes:
        units: rows of every system, in this order.
        measures: names, see `metrics.MEASURES`.
    """

    collection: Collection
    units: list[Chunk]
    measures: list[str]
    progress: Progress
    found: dict[Source, Ranking] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[str]:
        """What is read of each unit."""
        return [unit.content for unit in self.units]

    @cached_property
    def documents(self) -> list[str]:
        """The document of each row."""
        return [unit.document_id for unit in self.units]

    @property
    def queries(self) -> list[str]:
        """Texts, in the order of the collection."""
        return list(self.collection.queries.values())

    @property
    def depth(self) -> int:
        """Rows to rank for DEPTH documents."""
        return depth_for(self.units, len(self.collection.documents))

    def ranked(self, source: Source) -> Ranking:
        """The source's rows for all queries, asked for once."""
        if source not in self.found:
            self.found[source] = source.search(self.queries, self.depth)
        return self.found[source]

    def fused(self, source: Source) -> Ranking:
        """What of the source's rows goes into a fusion."""
        rows, scores = self.ranked(source)
        return rows[:, : fusion.DEPTH], scores[:, : fusion.DEPTH]

    def measured(self, source: Source) -> SystemResult:
        """The source as a system."""
        system = self.measured_rows(source.name, self.ranked(source))
        cost = source.cost(self.queries) if source.cost else None
        return replace(system, cost=cost)

    def measured_rows(self, name: str, found: Ranking) -> SystemResult:
        """Rows as a system; a document scores as its best row."""
        run = run_from_rows(list(self.collection.queries), *found, self.documents, DEPTH)
        values = per_query(run, self.collection.qrels, self.measures)
        return SystemResult(name, means(values), values, run=run)


def units_of(collection: Collection) -> list[Chunk]:
    """What is ranked: whole documents, or the chunks of a collection that is `chunked`."""
    if collection.chunked:
        return split_documents(collection.documents)
    return [Chunk(doc.id, doc.id, doc.text, doc.title, (), 0, len(doc.text)) for doc in collection.documents]


def depth_for(units: Sequence[Chunk], documents: int) -> int:
    """Rows to rank so that DEPTH documents remain after a document's chunks are merged."""
    return (
        DEPTH
        if len(units) == documents
        else min(len(units), DEPTH * (1 + len(units) // max(1, documents)) * 2)
    )


def rank(queries: sp.csr_matrix, collection: Collection, units: Sequence[Chunk], index: SpladeIndex) -> Run:
    """The run of the collection's queries, vectors [q, V] in their order, over an index of `units`."""
    rows, scores = index.search_rows(queries, depth_for(units, len(collection.documents)))
    return run_from_rows(list(collection.queries), rows, scores, [unit.document_id for unit in units], DEPTH)


def sparse_sources(
    task: Task,
    embedder: SpladeEmbedder,
    folder: Path | None,
    place: Path,
    query: Attach | None = None,
    alpha: float = 0.0,
) -> list[Source]:
    """The model; the same documents under the query encoder that `query` makes; the model's queries times IDF ** alpha.

    Args:
        folder: where encoded windows are kept, if any.
        place: an empty folder for the files of `query`, needed as long as the sources are.
    """
    started = time.perf_counter()
    if folder is None:
        vectors = embedder.encode(task.texts, "document", task.progress)
    else:
        vectors = embedder.encode_kept(task.texts, folder, task.progress)
    seconds = time.perf_counter() - started
    index = SpladeIndex.from_vectors(vectors, [unit.id for unit in task.units])
    name = embedder.loaded.model.name
    encoders: dict[str, Encode] = {name: lambda queries: embedder.encode(queries, "query")}
    if query is not None:
        attached = query(embedder, task.texts, place)
        carried = open_query_encoder(place, attached.query)
        assert carried is not None
        encoders[f"{name}, {attached.query.kind} queries"] = carried.encode
    if alpha:
        weights = idf(np.bincount(vectors.indices, minlength=vectors.shape[1]), len(task.units))
        encoders[f"{name}, IDF queries"] = lambda queries: reweighted(
            embedder.encode(queries, "query"), weights, alpha
        )
    return [_sparse_source(name, encode, index, seconds, task.progress) for name, encode in encoders.items()]


def _sparse_source(
    name: str, encode: Encode, index: SpladeIndex, seconds: float, progress: Progress
) -> Source:
    encoded: dict[tuple[str, ...], sp.csr_matrix] = {}

    def search(queries: Sequence[str], depth: int) -> Ranking:
        encoded[tuple(queries)] = encode(list(queries))
        return index.search_rows(encoded[tuple(queries)], depth)

    return Source(
        name,
        search,
        lambda queries: cost_of(encode, queries, encoded[tuple(queries)], index, seconds, progress),
    )


def bm25_source(task: Task) -> Source:
    """BM25 over the same units."""
    task.progress("BM25", 0, 1)
    lexical = Bm25(task.texts)
    task.progress("BM25", 1, 1)
    return Source(f"BM25 ({lexical.language})", lexical.search)


def dense_source(task: Task, model: DenseEncoder) -> Source:
    """A dense model over the same units, by cosine."""
    vectors = dense.unit(model.encode(task.texts, "document", progress=task.progress))
    return Source(
        short(model.name),
        lambda queries, depth: dense.search(vectors, dense.unit(model.encode(list(queries), "query")), depth),
    )


def reranked_source(task: Task, source: Source, judge: Reranker, top: int) -> Source:
    """The source's first `top` rows in a cross-encoder's order."""

    def search(queries: Sequence[str], depth: int) -> Ranking:
        parts = []
        for number, query in enumerate(queries):
            parts.append(rerank([query], source.search([query], top), task.texts.__getitem__, judge, depth))
            task.progress("rerank", number + 1, len(queries))
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([scores for _, scores in parts])

    return Source(f"{source.name}, reranked by {short(judge.name)}", search)


def short(name: str) -> str:
    """A model's name without the folders above it; a hub id as it is."""
    return Path(name).name if Path(name).expanduser().is_dir() else name
