"""One push at a time: a lock of the server's where it has locks, else a lease in the store's record.

A lease is written with the record, read again at once, and renewed while rows are sent. Who finds the lease
of another push ends. Where two begin in the same moment and both have written one, the record has the later
one, and the other push ends when it looks next. So does a push that stood still until its lease or its lock
was lost, and finds a record that is no longer its own, or none where it has read one. A push that was killed
leaves its lease for as long as that counts, except to its own machine, which knows that the process is no
more.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from splade_cli.engines.remote.facts import Lease, StoreFacts
from splade_cli.engines.remote.store import EngineWriter
from splade_cli.errors import InputError

SECONDS = 120.0
"""For which a lease counts after it was renewed."""
RENEWED_AFTER = 20.0
_OF_THIS_PROCESS: set[str] = set()
"""Tokens of the pushes that are under way here."""


class Turn:
    """The turn of one push at a store.

    Args:
        address: of the store, as it may be shown.
        clock: seconds since 1970.
    """

    def __init__(self, store: EngineWriter, address: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._address = address
        self._clock = clock
        self._token = uuid4().hex
        self._is_locked = False
        self._renewed = 0.0
        self._known: list[StoreFacts] = []
        """Records that this push found, or has written, without their leases."""
        self._is_read = False
        """Whether there was a record that only somebody else can have removed since."""

    def take(self) -> StoreFacts | None:
        """The record of the store, which nobody else pushes to. Raises InputError where somebody does."""
        self._lock()
        facts = self._store.read_facts()
        if facts is not None:
            self._require_free(facts.lease)
            self._known.append(_without_lease(facts))
            self._is_read = True
        _OF_THIS_PROCESS.add(self._token)
        return facts

    def clear(self) -> None:
        """Removes what is there, with the record; until the new one is seen there may be none."""
        self._store.clear()
        self._is_read = False

    def marked(self, facts: StoreFacts) -> StoreFacts:
        """The record with this push's lease, where the server has no lock."""
        own = _without_lease(facts)
        if own not in self._known:
            self._known.append(own)
        if self._is_locked:
            return facts
        now = self._clock()
        self._renewed = now
        return replace(facts, lease=Lease(self._token, platform.node(), os.getpid(), now + SECONDS))

    def keep(self, facts: StoreFacts, *, now: bool = False) -> None:
        """Looks whether it is still this push's turn, and renews the lease, now and then.

        Args:
            now: whenever that was done last.

        Raises:
            InputError: another push has taken over, or has begun to: the store was cleared.
        """
        if not now and self._clock() - self._renewed < RENEWED_AFTER:
            return
        self._renewed = self._clock()
        self._lock()
        found = self._store.read_facts()
        if found is not None:
            self._require_free(found.lease)
            self._require_own(found)
            if _without_lease(found) == _without_lease(facts):
                self._is_read = True
        elif self._is_read:
            raise InputError(
                f"{self._address} was cleared while this push stood still",
                "look at what is there now; to write this index there, type the same command again",
            )
        if not self._is_locked:
            self._store.write_facts(self.marked(facts))

    def end(self) -> None:
        """Lets others push: the server's lock goes back. A lease ends with the record of a push that came to
        its end; after one that failed this machine knows."""
        _OF_THIS_PROCESS.discard(self._token)
        if self._is_locked:
            self._store.unlock()

    def _lock(self) -> None:
        locked = self._store.try_lock()
        if locked is False:
            raise self._taken("")
        self._is_locked = locked is True

    def _require_free(self, lease: Lease | None) -> None:
        if lease is None or lease.token == self._token or lease.until < self._clock() or _is_over(lease):
            return
        raise self._taken(f" (process {lease.process} of {lease.host})")

    def _require_own(self, found: StoreFacts) -> None:
        """Raises InputError for a record that another push has written meanwhile."""
        if _without_lease(found) in self._known:
            return
        raise InputError(
            f"another push to {self._address} came to its end while this one stood still",
            "look at what is there now; to write this index over it, type the same command again",
        )

    def _taken(self, whose: str) -> InputError:
        return InputError(
            f"another push to {self._address} is under way{whose}",
            "wait for its end; one that was killed on another machine counts for two minutes",
        )


def _without_lease(facts: StoreFacts) -> StoreFacts:
    """The record as it is read again, apart from whose turn it is."""
    return StoreFacts.from_json(replace(facts, lease=None).to_json())


def _is_over(lease: Lease) -> bool:
    """Whether the process of a lease of this machine is known to be no more."""
    if lease.host != platform.node():
        return False
    if lease.process == os.getpid():
        return lease.token not in _OF_THIS_PROCESS
    try:
        os.kill(lease.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
