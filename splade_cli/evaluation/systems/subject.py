"""Subject of an evaluation: a searcher made of a model and a collection, or a retriever that is ready."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from splade_cli.datasets.collections import Collection
from splade_cli.engines.base import Catalog, Engine
from splade_cli.engines.local import LocalEngine
from splade_cli.evaluation.costs import Cost, cost_of
from splade_cli.evaluation.options import EvaluationOptions
from splade_cli.evaluation.systems.remembered import RememberedDense, RememberedQueries
from splade_cli.evaluation.systems.system import CostOf, DocumentsOf, System, require_documents, short
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.base import ExportQueries
from splade_cli.model.query_encoders.carried import exported
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.search.opening import engine_over
from splade_cli.search.options import DEFAULT, SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.ranking.rerank import CrossEncoder, Reranker
from splade_cli.search.retriever import Retriever
from splade_cli.search.searcher import Searcher
from splade_cli.storage.cache import Cache

MOST_CACHED = 200_000
"""Chunks of which grouping remembers what it needs: many queries and several systems rank the same ones."""


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        name: as the report calls it.
        retriever: what answers.
        parts: what it can be searched by, sparse first, and how the report calls each.
        documents_of: the documents of chunks.
        documents, chunks: how many it holds; None where only the collection says.
        options: how it searches by itself, with the mode that they come to.
        searcher: without a cache of queries, for the clock; None for a retriever that is not in this process.
        index: what is searched, where it is in this process.
        index_seconds: how long that took to make, if it was.
        device: what encodes, in words.
        ready: it was made before.
    """

    name: str
    retriever: Retriever
    parts: Mapping[str, str]
    documents_of: DocumentsOf
    documents: int | None = None
    chunks: int | None = None
    options: SearchOptions = DEFAULT
    searcher: Searcher | None = None
    index: SpladeIndex | None = None
    index_seconds: float | None = None
    device: str = ""
    ready: bool = False

    @property
    def title(self) -> str:
        """It by itself: its name, or those of all that it fuses, or of the part that is asked."""
        mode = self.options.mode
        if mode == "hybrid":
            return " + ".join("BM25" if part == "bm25" else name for part, name in self.parts.items())
        return self.parts.get(mode, self.name)

    def system(self, name: str, options: SearchOptions) -> System:
        """It under `name`, with other search options, of a definite mode."""
        return System(name, self.retriever, self.documents_of, options, self._cost(options))

    def encoding_by(self, export: ExportQueries, units: Sequence[Chunk], folder: Path) -> System:
        """The same documents under the query encoder that `export` makes in an empty folder."""
        assert self.searcher is not None
        encoder = self.searcher.encoder
        assert isinstance(encoder, ModelEncoder)
        export_of_model = export(encoder.embedder)
        carried = exported(export_of_model, (unit.content for unit in units), folder)
        searcher = Searcher(self.searcher.engine, carried, vocabulary=self.searcher.vocabulary)
        options = by_part(self.options, "sparse")
        cost = None
        if self.index is not None:
            cost = partial(_cost_of, searcher, searcher, self.index, options, self.index_seconds)
        name = f"{self.name}, {export_of_model.info.kind} queries"
        return System(name, searcher, self.documents_of, options, cost)

    def _cost(self, options: SearchOptions) -> CostOf | None:
        if self.searcher is None or self.index is None or options.reranker:
            return None
        cached = self.retriever if isinstance(self.retriever, Searcher) else self.searcher
        # the index was made whole: what words or dense vectors alone would have taken is not known
        seconds = self.index_seconds if options.mode in ("sparse", "hybrid") else None
        return partial(_cost_of, cached, self.searcher, self.index, options, seconds)


def of_model(
    embedder: SpladeEmbedder,
    units: Sequence[Chunk],
    wanted: EvaluationOptions,
    *,
    dense: DenseEncoder | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
) -> Subject:
    """A model over an index in memory of `units`.

    Args:
        wanted: how it is searched, and whether the index counts words; a reranker is opened as it says, by
            its name with the usual options.
        dense: makes dense vectors beside the model's.
        cache: where encoded windows are kept.

    Raises:
        InputError: a mode that the index cannot be searched by, or an unknown backend.
    """
    options = wanted.search or DEFAULT
    reranker = wanted.reranker
    start = time.perf_counter()
    index = index_chunks(units, embedder, cache, progress, bm25=wanted.bm25, dense=dense)
    seconds = time.perf_counter() - start
    engine = engine_over(index, wanted.backend)
    encoder = ModelEncoder(embedder)

    def open_dense() -> RememberedDense:
        return RememberedDense(_given(dense))

    def open_reranker(name: str) -> CrossEncoder:
        return Reranker(name) if isinstance(reranker, str) or reranker is None else reranker

    retriever = Searcher(
        engine,
        RememberedQueries(encoder),
        vocabulary=index.vocabulary,
        open_dense=open_dense,
        open_reranker=open_reranker,
        options=options,
        cached_texts=MOST_CACHED,
    )
    options = retriever.options
    name = embedder.loaded.model.name
    device = embedder.loaded.device
    documents = {unit.id: unit.document_id for unit in units}
    return Subject(
        name=name,
        retriever=retriever,
        parts=_parts(retriever, index, name),
        documents_of=lambda ids: {each: documents[each] for each in ids},
        documents=len(set(documents.values())),
        chunks=len(units),
        options=options,
        searcher=Searcher(engine, encoder, vocabulary=index.vocabulary, open_dense=lambda: _given(dense)),
        index=_exact(engine, index),
        index_seconds=seconds,
        device=f"{device.name} {device.precision} ({device.reason})",
    )


def of_searcher(
    name: str, searcher: Searcher, collection: Collection, options: SearchOptions | None = None
) -> Subject:
    """A searcher that is ready, as it stands; it searches by its own options, or by `options`.

    Raises:
        InputError: it does not hold the documents that the judgements of `collection` are about, or cannot be
            searched so.
    """
    options = options or searcher.options
    options = replace(options, mode=searcher.ranker.mode_of(options))
    engine = searcher.engine
    chunks = len(engine)
    documents = None
    if "catalog" in engine.capabilities:
        held = list(cast(Catalog, engine).document_ids())
        require_documents(collection, held)
        documents = len(held)
    index = engine.index if isinstance(engine, LocalEngine) else None
    return Subject(
        name=name,
        retriever=searcher,
        parts=_parts(searcher, index, name),
        documents_of=lambda ids: {chunk.id: chunk.document_id or chunk.id for chunk in engine.fetch(ids)},
        documents=documents,
        chunks=chunks,
        options=options,
        searcher=searcher,
        index=_exact(engine, index),
        ready=True,
    )


def of_retriever(name: str, retriever: Retriever, options: SearchOptions | None = None) -> Subject:
    """A retriever of which nothing is known; a document that is folded into a hit goes by its chunk's id."""
    return Subject(
        name,
        retriever,
        {"sparse": name},
        lambda ids: {each: each for each in ids},
        options=options or DEFAULT,
        ready=True,
    )


def by_part(options: SearchOptions, part: str) -> SearchOptions:
    """The same search by one part of an engine alone, without the weights of a fusion."""
    return replace(options, mode=part, weights=None)


def _given(dense: DenseEncoder | None) -> DenseEncoder:
    """The dense model of an index that has dense vectors."""
    assert dense is not None
    return dense


def _exact(engine: Engine, index: SpladeIndex | None) -> SpladeIndex | None:
    """The index whose postings are read; another sparse search than the exact one reads others."""
    return index if "exact" in engine.capabilities else None


def _parts(searcher: Searcher, index: SpladeIndex | None, name: str) -> dict[str, str]:
    """What a searcher can be searched by, and how a report calls each."""
    names = {"sparse": name, "bm25": "BM25", "dense": "dense"}
    if index is not None and index.info.bm25 is not None:
        names["bm25"] = f"BM25 ({index.info.bm25.language})"
    if index is not None and index.info.dense is not None:
        names["dense"] = short(index.info.dense.model)
    return {part: names[part] for part in searcher.ranker.parts}


def _cost_of(
    searcher: Searcher,
    clock: Searcher,
    index: SpladeIndex,
    options: SearchOptions,
    index_seconds: float | None,
    queries: Sequence[str],
    progress: Progress,
) -> Cost:
    return cost_of(
        searcher, index, queries, options, clock=clock, index_seconds=index_seconds, progress=progress
    )
