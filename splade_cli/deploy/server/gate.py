"""Admission control: a bounded pool of threads with a bounded queue, and a time limit for each task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from splade_cli.deploy.server.options import Limits
from splade_cli.deploy.server.refusals import Refusal, busy

Result = TypeVar("Result")


class Gate:
    """Runs work in threads, so many at once and so many waiting, and refuses the rest.

    A thread cannot be stopped: work that takes too long is given up by who waits for it, and keeps its place
    until it ends, so that there are never more threads at work than the limit.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="splade-serve")
        self._lock = Lock()
        self._inside = 0

    @property
    def inside(self) -> int:
        """Pieces of work that run or wait."""
        return self._inside

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work()` gives.

        Raises:
            Refusal: 503 where no place is free, 504 where it takes too long; else what `work` raises.
        """
        most = self._limits.concurrency + self._limits.waiting
        with self._lock:
            if self._inside >= most:
                raise busy(f"{self._inside} requests are being answered already", "ask again in a second")
            self._inside += 1
        try:
            future: Future[Result] = self._pool.submit(work)
        except RuntimeError:
            self._left()
            raise busy("the server is stopping", "ask again when it is back") from None
        future.add_done_callback(self._left)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Refusal(
                504,
                f"no answer within {self._limits.seconds:g} seconds",
                "ask for less at once, or again when the server is less busy",
            ) from None

    def _left(self, future: object = None) -> None:
        with self._lock:
            self._inside -= 1

    def close(self) -> None:
        """Takes no more work; what waits is dropped, what runs comes to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
