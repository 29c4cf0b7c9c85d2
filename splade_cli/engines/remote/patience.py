"""Exponential backoff: a call that fails for a passing reason is made again, until patience ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long a failing server is waited for.

    Attributes:
        seconds: of pauses, in all.
        first: the first wait; each is twice the one before.
        most: the longest wait.
        whole: seconds of pauses and calls together, after which no other call is made.
        answer: seconds for one answer, after which a server that says nothing counts as lost.
    """

    seconds: float = 60.0
    first: float = 0.2
    most: float = 5.0
    whole: float = 300.0
    answer: float = 120.0


LOADING = Patience()
"""Of a push: longer than a restart of a server takes, and than two answers that never come."""
SEARCHING = Patience(2.0, whole=2.0, answer=30.0)
"""Of a search, which somebody waits for."""


def patiently(
    call: Callable[[], Result],
    is_passing: Callable[[Exception], bool],
    patience: Patience = LOADING,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """The result of `call`, made again while it raises what `is_passing` and there is patience.

    An error may say by its `retry_after` how many seconds the server wants to be left alone.

    Args:
        clock: seconds, by which the time is told that calls take.

    Raises:
        Exception: what `call` raised last.
    """
    wait = patience.first
    waited = 0.0
    called = 0.0
    while True:
        start = clock()
        try:
            return call()
        except Exception as error:
            pause = max(wait, getattr(error, "retry_after", 0.0))
            called += clock() - start
            is_over = waited + pause > patience.seconds or waited + called + pause > patience.whole
            if is_over or not is_passing(error):
                raise
        time.sleep(pause)
        waited += pause
        wait = min(2 * wait, patience.most)
