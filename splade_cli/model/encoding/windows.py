"""Encoding of a corpus in windows, by one process or several; those that a cache holds are not computed.

A window is found in the cache by its texts, in a space that names all else that decides its vectors. So a run
that was killed goes on with what is there and ends in the same vectors, and those of another model are never
taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import require_at_most, require_positive
from splade_cli.model.device import empty_cache
from splade_cli.model.encode import encode_window, windows
from splade_cli.model.encoding.workers import WorkerPool
from splade_cli.model.loaded import LoadedModel
from splade_cli.progress import Progress, silent
from splade_cli.storage.cache import Cache, key_of

SPACE = "sparse vectors"
"""With this begins the name of every space of encoded windows."""
MOST_WORKERS = 256
LARGEST_VALUE = 1 << 29
"""Bytes of a window that is still kept; SQLite takes a little less than twice as many."""


def encode_windows(
    loaded: LoadedModel,
    texts: Iterable[str],
    cache: Cache | None = None,
    *,
    batch_size: int = 64,
    workers: int = 1,
    total: int | None = None,
    progress: Progress = silent,
) -> Iterator[sp.csr_matrix]:
    """Document vectors, CSR float32 [n_i, V] a window, in the order of the texts.

    Args:
        texts: read once, a window at a time, with several workers some windows ahead; never all in memory.
        cache: where finished windows are looked up and kept.
        workers: processes. On CUDA each takes a GPU of its own in turn, on the CPU its share of the cores.
        total: how many texts there are, for `progress`.

    Raises:
        InputError: a size that is not above 0, a cache that cannot be written.
        ModelError: a weight that is not finite, or a worker process that died.
    """
    require_positive(batch_size=batch_size, workers=workers)
    require_at_most(MOST_WORKERS, workers=workers)
    cached = WindowCache(loaded, cache)
    if workers == 1:
        encoded = _encode_here(loaded, texts, cached, batch_size, total, progress)
    else:
        encoded = _encode_in_workers(loaded, texts, cached, batch_size, workers)
    return _counted(encoded, total, progress)


class WindowCache:
    """The windows of one model in a cache; nothing is kept where there is none."""

    def __init__(self, loaded: LoadedModel, cache: Cache | None) -> None:
        self.space = space_of(loaded)
        self._dimensions = loaded.model.dimensions
        self._cache = cache

    def get(self, window: Sequence[str]) -> sp.csr_matrix | None:
        """The vectors of a window, None where they are missing."""
        if self._cache is None:
            return None
        key = key_of(*window)
        value = self._cache.get(self.space, [key]).get(key)
        if value is None:
            return None
        return matrix_from_bytes(value, len(window), self._dimensions)

    def put(self, window: Sequence[str], vectors: sp.csr_matrix) -> None:
        """Keeps the vectors of a window, unless they are too large for one value."""
        if self._cache is None:
            return
        value = matrix_to_bytes(vectors)
        if len(value) <= LARGEST_VALUE:
            self._cache.put(self.space, {key_of(*window): value})


def space_of(loaded: LoadedModel, precision: str | None = None) -> str:
    """The space of a model's encoded windows: everything that decides the vectors, but for the texts."""
    model = loaded.model
    limits = f"{model.max_seq_length} tokens, {model.max_active or 'all'} terms"
    return f"{SPACE} of {model.identity}, {limits}, {precision or loaded.device.precision}"


def kept_precision(
    loaded: LoadedModel, texts: Iterable[str], cache: Cache, precisions: Iterable[str]
) -> str | None:
    """The first of `precisions` in which a cache holds the first window of `texts`; None of none."""
    window = next(windows(texts), None)
    if window is None:
        return None
    key = key_of(*window)
    return next((each for each in precisions if cache.get(space_of(loaded, each), [key])), None)


def matrix_to_bytes(matrix: sp.csr_matrix) -> bytes:
    """The arrays of a float32 CSR matrix, one after the other: row lengths and columns as int32, values."""
    lengths = np.diff(matrix.indptr).astype("<i4")
    columns = matrix.indices.astype("<i4")
    return lengths.tobytes() + columns.tobytes() + matrix.data.astype("<f4").tobytes()


def matrix_from_bytes(value: bytes, rows: int, dimensions: int) -> sp.csr_matrix:
    """What `matrix_to_bytes` made a value of."""
    lengths = np.frombuffer(value, dtype="<i4", count=rows)
    nonzeros = (len(value) - lengths.nbytes) // 8
    columns = np.frombuffer(value, dtype="<i4", count=nonzeros, offset=lengths.nbytes)
    weights = np.frombuffer(value, dtype="<f4", offset=lengths.nbytes + columns.nbytes)
    bounds = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    arrays = (weights.astype(np.float32), columns.astype(np.int32), bounds)
    return sp.csr_matrix(arrays, shape=(rows, dimensions))


def _counted(
    encoded: Iterator[sp.csr_matrix], total: int | None, progress: Progress
) -> Iterator[sp.csr_matrix]:
    done = 0
    for vectors in encoded:
        done += vectors.shape[0]
        progress("encode", done, total)
        yield vectors
    progress("encode", done, done)


def _encode_here(
    loaded: LoadedModel,
    texts: Iterable[str],
    cached: WindowCache,
    batch_size: int,
    total: int | None,
    progress: Progress,
) -> Iterator[sp.csr_matrix]:
    done = 0
    for window in windows(texts):
        vectors = cached.get(window)
        if vectors is None:
            vectors = encode_window(loaded, window, "document", batch_size, progress, done, total)
            cached.put(window, vectors)
            # batches of many shapes leave a heap in pieces, which would grow with the corpus
            empty_cache(loaded.device)
        done += len(window)
        yield vectors


def _encode_in_workers(
    loaded: LoadedModel, texts: Iterable[str], cached: WindowCache, batch_size: int, workers: int
) -> Iterator[sp.csr_matrix]:
    """Windows to whatever worker is free, two waiting for each; their vectors in the order of the windows."""
    pending: deque[Future[sp.csr_matrix]] = deque()
    # The pool is left first: its processes end, and with them whatever a thread still waits for.
    with ThreadPoolExecutor(workers) as threads, WorkerPool(loaded, workers, batch_size) as pool:

        def encoded(window: Sequence[str]) -> sp.csr_matrix:
            vectors = cached.get(window)
            if vectors is None:
                vectors = pool.encode(window)
                cached.put(window, vectors)
            return vectors

        for window in windows(texts):
            pending.append(threads.submit(encoded, window))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
