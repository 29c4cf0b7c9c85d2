"""The two sides of a remote store: what a push writes through, and what an engine reads through.

A new engine is one class with these methods, and a line in `opening`. Everything else is written once for all
of them: limits are checked by `limits`, a filter arrives as `conditions`, rows as `rows`, the order of equal
scores and what a query must be are the business of `engine`, what has to be written that of `pushing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import scipy.sparse as sp

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.remote.rows import Rows
from splade_cli.records import Chunk, Ranking


class EngineWriter(Protocol):
    """Fills a store. One thread uses it; a call that fails midway may be repeated.

    Raises, in every method:
        ServiceError: the server refuses, or cannot be reached for longer than is waited for.
    """

    @property
    def limits(self) -> Limits:
        """What is checked before anything is written."""

    def try_lock(self) -> bool | None:
        """Takes the server's lock of this store for the pushes of this object, also where it has it already;
        False where another has it, None where the server has no locks."""

    def unlock(self) -> None:
        """Gives the lock back."""

    def read_facts(self) -> StoreFacts | None:
        """What the store says of itself, None where there is none. Raises InputError where something is
        there that is not ours."""

    def write_facts(self, facts: StoreFacts) -> None:
        """Replaces the record."""

    def prepare(self, facts: StoreFacts) -> None:
        """Makes table, mapping or collection where it is not there yet."""

    def write(self, rows: Rows) -> None:
        """Inserts rows, or replaces those of the same ids."""

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Of those of `ids` that are there, the `Rows.digests` that they were written with."""

    def ids(self) -> Iterator[str]:
        """Of all rows, in any order; some may be deleted meanwhile."""

    def delete(self, ids: Sequence[str]) -> None:
        """Removes rows; ids that are not there are passed over."""

    def finish(self) -> None:
        """Makes all that was written findable, and builds what is built after a load."""

    def clear(self) -> None:
        """Removes rows, mapping and record."""

    def count(self, condition: Condition | None = None) -> int:
        """How many rows there are, or pass a condition."""

    def size_bytes(self) -> int | None:
        """What rows and indexes take on the server's disk, None where it does not say."""

    def close(self) -> None:
        """Gives connections back."""


class Store(EngineWriter, Protocol):
    """A store that is searched as well, from many threads at once."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Of ``exact``, ``filter``, ``vectors``, see `Engine.capabilities`."""

    @property
    def tolerance(self) -> float:
        """By which share of an exact score this engine's may differ, for the rounding of its weights."""

    @property
    def efforts(self) -> tuple[int, ...]:
        """What an approximate search can be told beyond its present setting, from quick to thorough: `push`
        tries them in turn where too little is found. Empty where there is nothing to tell."""

    def set_effort(self, effort: int) -> None:
        """Searches from now on with one of `efforts`, or the one that the store's record says, unless the
        address says another."""

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """The `k` rows of largest dot product with each query, best first, equal scores by position where
        the engine can; rows of score 0 may be among them.

        Args:
            queries: CSR float32 [q, V], none empty, columns ascending, no stored zeros.
        """

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """The stored texts of those of `ids` that are there."""

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """Columns, ascending, and weights of those of `ids` that are there; only asked of a store that is
        capable of ``vectors``."""

    def chunks_of(self, document_id: str) -> list[str]:
        """The ids of a document's chunks, by position; empty where it is not there."""


class StoreDefaults:
    """What a store does whose server has no locks, and whose search has nothing to set."""

    efforts: tuple[int, ...] = ()

    def try_lock(self) -> bool | None:
        """See `EngineWriter.try_lock`."""
        return None

    def unlock(self) -> None:
        """See `EngineWriter.unlock`."""

    def set_effort(self, effort: int) -> None:
        """See `Store.set_effort`."""
