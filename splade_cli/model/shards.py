"""Texts of any number to CSR shards on disk, resumable and by several processes; knows no index and no documents.

A shard is one window of `encode`, named by its number and a fingerprint of all that decides it, so that a run that
was killed goes on with what is there and ends in the same bytes, and a shard of another model is never taken.
"""

from __future__ import annotations

import hashlib
import signal
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from splade_cli.errors import ModelError, require_positive
from splade_cli.files import replacing
from splade_cli.model.device import available_threads, empty_cache
from splade_cli.model.encode import encode, encode_window, stack, windows
from splade_cli.model.kernels.dispatch import int8_is_faster
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.splade.encoder import SpladeModel
from splade_cli.records import Progress, silent

SAMPLE = 192
LEAST_OVERLAP = 0.97
Job = tuple[Path, list[str]]


@dataclass(frozen=True)
class Shards:
    """Vectors on disk: `paths` of SciPy npz files in the order of the texts, `rows` in all, V `dimensions`."""

    paths: list[Path]
    rows: int
    dimensions: int
    precision: str

    def parts(self) -> Iterator[sp.csr_matrix]:
        """The shards one after the other, CSR float32 [n_i, V]."""
        for path in self.paths:
            yield sp.csr_matrix(sp.load_npz(path))

    def matrix(self) -> sp.csr_matrix:
        """All of them as one CSR matrix in memory."""
        return stack(list(self.parts()), self.dimensions)


def encode_to_shards(
    loaded: LoadedModel,
    texts: Iterable[str],
    folder: Path,
    *,
    batch_size: int = 64,
    workers: int = 1,
    total: int | None = None,
    progress: Progress = silent,
) -> Shards:
    """Like `encode` for documents, each window kept in `folder`; what is there already is not computed again.

    Args:
        texts: read once, a window at a time; never all in memory.
        workers: processes. On CUDA each takes a GPU of its own in turn, on the CPU its share of the cores.
        total: how many texts there are, for `progress`.

    Raises:
        ModelError: a weight that is not finite, or a worker process that died.
    """
    require_positive(batch_size=batch_size, workers=workers)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = (
        (folder / f"shard-{number:06d}-{fingerprint_of(loaded, window)[:16]}.npz", window)
        for number, window in enumerate(windows(texts))
    )
    if workers == 1:
        finished = _encode_here(loaded, jobs, batch_size, progress, total)
    else:
        finished = _encode_in_workers(loaded, jobs, batch_size, workers)
    paths: list[Path] = []
    done = 0
    for path, count in finished:
        paths.append(path)
        done += count
        progress("encode", done, total)
    for stale in set(folder.glob("shard-*.npz")) - set(paths):
        stale.unlink()
    progress("encode", done, done)
    return Shards(paths, done, loaded.model.dimensions, loaded.device.precision)


def fingerprint_of(loaded: LoadedModel, texts: Sequence[str]) -> str:
    """A hash of everything that decides the vectors: model files, length limit, precision, and the texts."""
    digest = hashlib.sha256(
        f"{loaded.model.identity}|{loaded.model.max_seq_length}|{loaded.device.precision}".encode()
    )
    for text in texts:
        digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return digest.hexdigest()


def _whole(path: Path, shape: tuple[int, int]) -> bool:
    """Whether `path` is a shard of that shape, and not one that a crash cut short."""
    try:
        return path.is_file() and sp.load_npz(path).shape == shape
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False


def _write(loaded: LoadedModel, window: Sequence[str], path: Path, batch_size: int, *progress: Any) -> None:
    matrix = encode_window(loaded, window, "document", batch_size, *progress)
    with replacing(path) as temporary, open(temporary, "wb") as out:
        sp.save_npz(out, matrix, compressed=False)
    empty_cache(
        loaded.device
    )  # batches of many shapes leave a heap in pieces, which would grow with the corpus


def _encode_here(
    loaded: LoadedModel, jobs: Iterator[Job], batch_size: int, progress: Progress, total: int | None
) -> Iterator[tuple[Path, int]]:
    done = 0
    for path, window in jobs:
        if not _whole(path, (len(window), loaded.model.dimensions)):
            _write(loaded, window, path, batch_size, progress, done, total)
        done += len(window)
        yield path, len(window)


def _encode_in_workers(
    loaded: LoadedModel, jobs: Iterator[Job], batch_size: int, workers: int
) -> Iterator[tuple[Path, int]]:
    """Windows to processes in turn, two waiting for each; finished in the order of the jobs."""
    context = torch.multiprocessing.get_context("spawn")
    processes, connections = [], []
    pending: deque[tuple[Connection | None, Path, int]] = deque()
    dimensions = loaded.model.dimensions
    loaded.model.to("cpu")  # what a process is handed must lie in memory that it can share
    try:
        for place in places(loaded.device.name, workers, torch.cuda.device_count()):
            ours, theirs = context.Pipe()
            share = loaded._replace(device=loaded.device._replace(name=place))
            threads = max(1, available_threads() // workers)
            processes.append(
                context.Process(target=_work, args=(share, threads, batch_size, theirs), daemon=True)
            )
            processes[-1].start()
            theirs.close()
            connections.append(ours)
        for number, (path, window) in enumerate(jobs):
            connection = None if _whole(path, (len(window), dimensions)) else connections[number % workers]
            if connection is not None:
                connection.send((path, window))
            pending.append((connection, path, len(window)))
            if len(pending) >= 2 * workers:
                yield _finished(*pending.popleft())
        while pending:
            yield _finished(*pending.popleft())
    except (BrokenPipeError, ConnectionResetError, EOFError):
        raise ModelError(
            "a worker process died, for want of memory perhaps", "use fewer --workers or a lower --batch-size"
        ) from None
    finally:
        for process in processes:
            process.terminate()
            process.join()
        loaded.model.to(loaded.device.name)


def _finished(connection: Connection | None, path: Path, count: int) -> tuple[Path, int]:
    problem = connection.recv() if connection is not None else None
    if problem is not None:
        raise ModelError(*problem)
    return path, count


def places(device: str, workers: int, gpus: int) -> list[str]:
    """The device of each worker: CUDA devices in turn where `device` is CUDA without a number, else `device`."""
    if device == "cuda" and gpus:
        return [f"cuda:{number % gpus}" for number in range(workers)]
    return [device] * workers


def _work(loaded: LoadedModel, threads: int, batch_size: int, connection: Connection) -> None:
    """A worker process: encodes what it is sent until the other end closes. Ctrl-C is its parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    loaded.model.to(loaded.device.name)
    while True:
        try:
            path, window = connection.recv()
        except EOFError:
            return
        try:
            _write(loaded, window, path, batch_size)
        except ModelError as error:
            connection.send((error.message, error.hint))
        except OSError as error:
            connection.send(
                (f"{error.strerror or error}: {path}", "make room and run the same command again")
            )
        else:
            connection.send(None)


def settle_precision(loaded: LoadedModel, texts: Sequence[str]) -> LoadedModel:
    """`loaded` with int8 in place of float32 where this CPU gains by it and these texts rank alike, else as it is.

    Up to SAMPLE of `texts` are encoded both ways and each is searched with among all: int8 is taken where the ten
    nearest are the same, LEAST_OVERLAP of them at least.
    """
    model = loaded.model
    able = loaded.device.name == "cpu" and loaded.device.precision == "fp32" and int8_is_faster()
    if (
        not able
        or not isinstance(model, SpladeModel)
        or not model.fused
        or model.pooling != "max"
        or len(texts) < 2
    ):
        return loaded
    sample = list(texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE])
    exact = encode(loaded, sample)
    low = loaded.with_precision("int8", "automatic")
    overlap = neighbours_in_common(exact, encode(low, sample))
    reason = f"of the ten nearest of {len(sample)} sample texts {overlap:.1%} are those of fp32"
    if overlap >= LEAST_OVERLAP:
        return loaded.with_precision("int8", reason)
    return loaded.with_precision("fp32", reason)


def neighbours_in_common(exact: sp.csr_matrix, other: sp.csr_matrix, k: int = 10) -> float:
    """Share of the k largest products of each row with the others that both matrices [n, V] have in common."""
    nearest = []
    for matrix in (exact, other):
        products = (exact @ matrix.T).toarray()
        np.fill_diagonal(products, -np.inf)
        nearest.append(np.argsort(-products, axis=1, kind="stable")[:, :k])
    common = [len(np.intersect1d(left, right)) for left, right in zip(*nearest, strict=True)]
    return float(np.mean(common) / nearest[0].shape[1])
