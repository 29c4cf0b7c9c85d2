"""Parallel execution of a search: its pieces are shared out among threads, each of which takes the next one
when it is free.

The loops let other threads run, so plain threads of Python will do. They meet at the end only, and a thread
that has not begun when the last piece is taken is not waited for: on a busy machine the caller does the work
alone, as it would have without. The threads are kept, and handed work by a queue alone, as starting one, or
even a future, takes as long as some queries.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

from splade_cli.cores import available_threads

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@lru_cache(maxsize=1)
def machine_threads() -> int:
    """`cores.available_threads`, asked once: reading what a container allows takes as long as a query."""
    return available_threads()


def share_out(
    pieces: Iterable[Piece], threads: int, work: Callable[[Iterator[Piece]], Result]
) -> list[Result]:
    """Results of ``work(pieces)``, called by this thread and by as many others as `threads` and the machine's
    cores allow; each is given pieces until none is left. Raises what any of them raises."""
    others = min(threads, machine_threads()) - 1
    if others <= 0:
        return [work(iter(pieces))]
    shared = _Shared(deque(pieces), work)
    for _ in range(others):
        _invitations().put(shared.take_part)
    return shared.results()


class _Shared(Generic[Piece, Result]):
    """The pieces of one piece of work that are left, and what came of the others."""

    def __init__(self, waiting: deque[Piece], work: Callable[[Iterator[Piece]], Result]) -> None:
        self._waiting = waiting
        self._work = work
        self._lock = Lock()
        self._over = False
        self._begun = 0
        self._ended: SimpleQueue[Result | BaseException] = SimpleQueue()

    def take_part(self) -> None:
        """Works on what is left, unless the caller is done already."""
        with self._lock:
            if self._over:
                return
            self._begun += 1
        try:
            self._ended.put(self._work(self._taken()))
        except BaseException as error:  # the caller raises it
            self._ended.put(error)

    def results(self) -> list[Result]:
        """The caller's own part, and those of all that have begun, which are waited for."""
        try:
            results = [self._work(self._taken())]
        finally:
            self._waiting.clear()
            with self._lock:
                self._over = True
            ended = [self._ended.get() for _ in range(self._begun)]
        for result in ended:
            if isinstance(result, BaseException):
                raise result
            results.append(result)
        return results

    def _taken(self) -> Iterator[Piece]:
        while self._waiting:
            try:
                piece = self._waiting.popleft()
            except IndexError:  # another thread has taken it in between
                return
            yield piece


@lru_cache(maxsize=1)
def _invitations() -> SimpleQueue[Callable[[], None]]:
    """What threads besides those that search are asked to take part in."""
    invitations: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def accept() -> None:
        while True:
            invitations.get()()

    for _ in range(machine_threads() - 1):
        Thread(target=accept, name="splade-search", daemon=True).start()
    return invitations


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_invitations.cache_clear)  # threads stay behind in the parent
