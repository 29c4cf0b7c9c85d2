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
        seconds: of waiting, in all.
        first: the first wait; each is twice the one before.
        most: the longest wait.
    """

    seconds: float = 60.0
    first: float = 0.2
    most: float = 5.0


LOADING = Patience()
"""Of a push: longer than a restart of a server takes."""
SEARCHING = Patience(2.0)
"""Of a search, which somebody waits for."""


def patiently(
    call: Callable[[], Result], is_passing: Callable[[Exception], bool], patience: Patience = LOADING
) -> Result:
    """The result of `call`, made again while it raises what `is_passing` and there is patience.

    An error may say by its `retry_after` how many seconds the server wants to be left alone.

    Raises:
        Exception: what `call` raised last.
    """
    wait = patience.first
    waited = 0.0
    while True:
        try:
            return call()
        except Exception as error:
            pause = max(wait, getattr(error, "retry_after", 0.0))
            if not is_passing(error) or waited + pause > patience.seconds:
                raise
        time.sleep(pause)
        waited += pause
        wait = min(2 * wait, patience.most)
