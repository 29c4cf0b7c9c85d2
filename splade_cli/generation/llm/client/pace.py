"""Rate limiter and exponential backoff of a run: when a call may begin, and how long a failed one waits.

Nothing here sleeps: a wait is told in seconds, so that it can be cut short by what ends the run.
"""

from __future__ import annotations

import random
import time

from splade_cli.generation.llm.client.failures import retry_after, status_of
from splade_cli.progress import Say

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 30.0
SHOWN_WAIT = 1.0
"""Shorter waits are not spoken of."""


class Pace:
    """Spaces the calls of a run.

    Args:
        rate_limit: calls a minute at most; None for no limit.
        server: its address, as it is shown.
        say: told of waits.
    """

    def __init__(self, rate_limit: float | None, server: str, say: Say) -> None:
        self._interval = 60 / rate_limit if rate_limit else 0.0
        self._server = server
        self._say = say
        self._next_call = 0.0
        self._spoken_until = 0.0

    def next_call(self) -> float:
        """Seconds until the rate limit, the user's or the server's, allows another call, which is counted."""
        now = time.monotonic()
        start = max(self._next_call, now)
        self._next_call = start + self._interval
        return start - now

    def backoff(self, error: Exception, message: str, tries: int) -> float:
        """Seconds that the server asked to wait, or else exponential backoff with jitter.

        A wait that the server asks for holds all calls, and so does a 429.

        Args:
            message: the server's words.
            tries: how often the call has failed before.
        """
        asked = retry_after(error)
        seconds = asked
        if seconds is None:
            seconds = min(FIRST_BACKOFF * 2**tries, LONGEST_BACKOFF) * random.uniform(0.5, 1.0)
        now = time.monotonic()
        if asked is not None or status_of(error) == 429:
            self._next_call = max(self._next_call, now + seconds)
        if seconds >= SHOWN_WAIT and now + seconds > self._spoken_until + SHOWN_WAIT:
            self._spoken_until = now + seconds
            why = "as it asks" if asked is not None else f"try {tries + 1} failed"
            self._say(f"waiting {seconds:.0f} s for {self._server}, {why}: {message[:100]}")
        return seconds
