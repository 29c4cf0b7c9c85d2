"""Worker processes that encode windows of documents, each with the model in memory of its own or shared."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import Self

import scipy.sparse as sp
import torch

from splade_cli.cores import available_threads
from splade_cli.errors import ModelError
from splade_cli.model.device import empty_cache
from splade_cli.model.encode import encode_window
from splade_cli.model.loaded import LoadedModel


class WorkerPool:
    """Processes that wait for windows, as a context; as many threads as there are workers may call `encode`.

    They are started when the first window comes: where all are known already, none is needed.

    Args:
        loaded: lies on the CPU while the pool is open, since what a process is handed must be in shared
            memory.
        workers: processes. On CUDA each takes a GPU of its own in turn, on the CPU its share of the cores.
        batch_size: texts in a forward pass at most.
    """

    def __init__(self, loaded: LoadedModel, workers: int, batch_size: int) -> None:
        self._loaded = loaded
        self._workers = workers
        self._batch_size = batch_size
        self._processes: list[BaseProcess] = []
        self._free: SimpleQueue[Connection] = SimpleQueue()
        self._starting = Lock()

    def __enter__(self) -> Self:
        return self

    def _start(self) -> None:
        context = torch.multiprocessing.get_context("spawn")
        threads = max(1, available_threads() // self._workers)
        self._loaded.model.to("cpu")
        for name in devices_of_workers(self._loaded.device.name, self._workers, torch.cuda.device_count()):
            ours, theirs = context.Pipe()
            loaded = self._loaded._replace(device=self._loaded.device._replace(name=name))
            arguments = (loaded, threads, self._batch_size, theirs)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._free.put(ours)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        self._loaded.model.to(self._loaded.device.name)

    def encode(self, window: Sequence[str]) -> sp.csr_matrix:
        """The vectors of a window by the next worker that is free.

        Raises:
            ModelError: as `encode.encode` does in the worker, or the worker died.
        """
        with self._starting:
            if not self._processes:
                self._start()
        connection = self._free.get()
        try:
            connection.send(window)
            reply: sp.csr_matrix | ModelError = connection.recv()
        except (BrokenPipeError, ConnectionResetError, EOFError):
            raise ModelError(
                "a worker process died, for want of memory perhaps",
                "use fewer workers or a smaller batch size",
            ) from None
        finally:
            self._free.put(connection)
        if isinstance(reply, ModelError):
            raise reply
        return reply


def devices_of_workers(device: str, workers: int, gpus: int) -> list[str]:
    """The device of each worker: GPUs in turn where `device` is CUDA without a number, else `device`."""
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
            window = connection.recv()
        except EOFError:
            return
        try:
            connection.send(encode_window(loaded, window, "document", batch_size))
        except ModelError as error:
            connection.send(error)
        empty_cache(loaded.device)
