"""A remote store behind the `Engine` protocol, so that whoever ranks need not know where the vectors lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.remote.conditions import Condition, condition_of
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.store import Store
from splade_cli.errors import InputError, ServiceError, require_positive
from splade_cli.index.metadata.filters import Filter, fields_of
from splade_cli.index.metadata.matching import require_fields
from splade_cli.index.store.batches import canonical
from splade_cli.records import Chunk, Ranking


class RemoteEngine:
    """Search of a store that was pushed to. Safe to be used from many threads.

    Args:
        store: where the rows are.
        facts: what it says of itself.
        address: as it may be shown.

    Raises:
        InputError: the first push has not come to its end.
    """

    def __init__(self, store: Store, facts: StoreFacts, address: str) -> None:
        if not facts.generation:
            raise InputError(
                f"{address} holds a part of an index: its push was interrupted",
                f"type it again, it goes on where it was: splade push INDEX --to '{address}'",
            )
        if facts.effort:
            store.set_effort(facts.effort)
        self.store = store
        self.facts = facts
        self.address = address

    @classmethod
    def open(cls, store: Store, address: str) -> RemoteEngine:
        """Over what a store says of itself. Raises InputError where nothing was pushed there."""
        facts = store.read_facts()
        if facts is None:
            raise InputError(f"nothing at {address}", f"fill it: splade push INDEX --to '{address}'")
        return cls(store, facts, address)

    @property
    def capabilities(self) -> frozenset[str]:
        """See `Engine.capabilities`."""
        return self.store.capabilities

    @property
    def dimensions(self) -> int:
        """V."""
        return self.facts.dimensions

    def __len__(self) -> int:
        return self.facts.rows

    def search(self, queries: sp.csr_matrix, k: int, filter: Filter | None = None) -> Ranking:
        """See `Engine.search`."""
        require_positive(k=k)
        if queries.shape[1] != self.dimensions:
            raise InputError(
                f"queries have {queries.shape[1]} dimensions, the engine has {self.dimensions}",
                "encode queries with the model that made the index",
            )
        matrix = canonical(sp.csr_matrix(queries))
        asked = np.flatnonzero(np.diff(matrix.indptr))
        found = Ranking([], [])
        if len(asked):
            found = self.store.search(matrix[asked], k, self._condition(filter))
            self._require_ranking(found, len(asked))
        ids: list[list[str]] = [[] for _ in range(matrix.shape[0])]
        scores = [np.empty(0, dtype=np.float32) for _ in range(matrix.shape[0])]
        for number, names, values in zip(asked.tolist(), found.ids, found.scores, strict=True):
            # a store of rows gives those that share no term as well
            shared = np.flatnonzero(values)
            ids[number] = [names[each] for each in shared.tolist()]
            scores[number] = np.asarray(values[shared], dtype=np.float32)
        return Ranking(ids, scores)

    def fetch(self, ids: Sequence[str]) -> list[Chunk]:
        """See `Engine.fetch`."""
        found: Mapping[str, Chunk] = {}
        if ids:
            try:
                found = self.store.fetch(ids)
            except (ValueError, RecursionError) as error:
                raise self._odd(f"a text that is none ({error})") from None
        _require_found(ids, found)
        return [found[each] for each in ids]

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Engine.chunks_of`."""
        return self.store.chunks_of(document_id)

    def fields(self) -> Mapping[str, str]:
        """See `Engine.fields`."""
        return self.facts.fields

    def count(self, filter: Filter) -> int:
        """See `Engine.count`."""
        return self.store.count(self._condition(filter))

    def vectors(self, ids: Sequence[str]) -> sp.csr_matrix:
        """See `VectorStore.vectors`."""
        found = self.store.vectors(ids) if ids else {}
        _require_found(ids, found)
        starts = np.cumsum([0, *(len(found[each][0]) for each in ids)])
        columns = [column for each in ids for column in found[each][0]]
        weights = [weight for each in ids for weight in found[each][1]]
        if columns and not (min(columns) >= 0 and max(columns) < self.dimensions):
            raise self._odd(f"a dimension that is none of {self.dimensions}")
        if len(columns) != len(weights) or not np.isfinite(weights).all():
            raise self._odd("weights that are none")
        parts = (np.array(weights, dtype=np.float32), np.array(columns, dtype=np.int32), starts)
        return sp.csr_matrix(parts, shape=(len(ids), self.dimensions))

    def ids(self) -> Iterator[str]:
        """The ids of all stored texts."""
        return self.store.ids()

    def describe(self) -> dict[str, str | int | float]:
        """What is stored and where, by names that a person reads."""
        return {
            "chunks": len(self),
            "dimensions": self.dimensions,
            "model": self.facts.encoder.name or "unknown",
            "generation": self.facts.generation,
            "engine": self.address,
        }

    def _require_ranking(self, found: Ranking, queries: int) -> None:
        """Raises ServiceError for what is no ranking of so many queries."""
        if not len(found.ids) == len(found.scores) == queries:
            raise self._odd(f"{len(found.ids)} lists of hits for {queries} queries")
        for names, scores in zip(found.ids, found.scores, strict=True):
            if len(names) != len(scores) or not np.isfinite(scores).all():
                raise self._odd("scores that are none")

    def _odd(self, what: str) -> ServiceError:
        return ServiceError(f"{self.address} answers with {what}", "is this the address of the engine?")

    def _condition(self, filter: Filter | None) -> Condition | None:
        if filter is None:
            return None
        if not set(fields_of(filter)) <= set(self.facts.fields):
            # a push since may have brought it
            self.facts = self.store.read_facts() or self.facts
        require_fields(filter, self.facts.fields)
        return condition_of(filter)


def _require_found(ids: Sequence[str], found: Mapping[str, object]) -> None:
    for each in ids:
        if each not in found:
            raise InputError(f"no document '{each}' in the engine", "ids stand behind each hit")
