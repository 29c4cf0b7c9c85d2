"""A collection of Qdrant as a store.

    qdrant+https://host:6333/docs

What was pushed is recorded in a point without a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience
from splade_cli.engines.remote.rows import Rows
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.engines.web.answers import Answer
from splade_cli.engines.web.client import JsonClient, json_bytes
from splade_cli.engines.web.documents import DIGEST, POSITION, chunk_of, each_row
from splade_cli.engines.web.qdrant import bodies
from splade_cli.engines.web.qdrant.filters import Body, qdrant_filter
from splade_cli.engines.web.qdrant.replies import Hit, Hits, Point
from splade_cli.engines.web.sparse import Sparse
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Ranking

IDS_AT_ONCE = 1000
REQUEST_BYTES = 16_000_000
"""Of points at once; the server takes 32 MB."""
NO_FACTS: Body = {"must_not": [{"has_id": [bodies.FACTS_ID]}]}


def connect(address: EngineAddress) -> QdrantStore:
    """A store at an address; nothing is asked of the server yet. Raises InputError for unknown parameters."""
    address.require_parameters("collection")
    headers = {"api-key": address.token} if address.token else {}
    return QdrantStore(address, JsonClient(address, headers))


class QdrantStore(StoreDefaults):
    """See `remote.store.Store`."""

    limits = bodies.LIMITS
    tolerance = bodies.TOLERANCE
    capabilities = frozenset({"exact", "filter", "vectors"})

    def __init__(self, address: EngineAddress, client: JsonClient) -> None:
        self.name = address.name("collection")
        self._client = client
        self._path = f"/collections/{self.name}"

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`. A collection of our kind without a point counts as none: it was made
        by a push that ended before it wrote anything."""
        answer = self._client.get(self._path)
        if answer.status == 404:
            return None
        self._require(answer, "to show the collection")
        found = self._points([bodies.FACTS_ID], payload=[bodies.FACTS])
        if found and bodies.FACTS in found[0].payload:
            return StoreFacts.from_json(found[0].payload[bodies.FACTS])
        place = ("result", "config", "params", "sparse_vectors")
        vectors = self._client.read(answer.body, dict[str, Any], *place, default={})
        if bodies.VECTOR in vectors and not self.count():
            return None
        raise InputError(
            f"{self._client.address}: the collection '{self.name}' was not made by splade",
            "name another one",
        )

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        self._put([bodies.facts_point(facts.to_json())])

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`."""
        if self._client.get(self._path).status == 404:
            self._call("PUT", "", bodies.collection_body())
        for field, kind in (("document_id", "keyword"), (POSITION, "integer")):
            self._call("PUT", "/index?wait=true", {"field_name": field, "field_schema": kind})

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`."""
        self._put([bodies.point(row) for row in each_row(rows)])

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        points = self._points(_point_ids(ids), payload=[bodies.ID, DIGEST])
        return {self._name(point): self._client.read(point.payload, str, DIGEST) for point in points}

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`; by the ids of points, a page at a time."""
        for point in self._scroll(NO_FACTS, [bodies.ID]):
            yield self._name(point)

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""
        self._call("POST", "/points/delete?wait=true", {"points": _point_ids(ids)})

    def finish(self) -> None:
        """See `EngineWriter.finish`: nothing to do, as every write was waited for."""

    def clear(self) -> None:
        """See `EngineWriter.clear`."""
        self._call("DELETE", "", None)

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`."""
        wanted = NO_FACTS
        if condition is not None:
            wanted = {"must": [qdrant_filter(condition)], **NO_FACTS}
        patience = LOADING if condition is None else SEARCHING
        body: Body = {"filter": wanted, "exact": True}
        answer = self._call("POST", "/points/count", body, patience)
        return self._client.read(answer, int, "result", "count")

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`: Qdrant does not say."""
        return None

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._client.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`; all queries go in one request."""
        searches = []
        for number in range(queries.shape[0]):
            span = slice(queries.indptr[number], queries.indptr[number + 1])
            searches.append(bodies.search_body(queries.indices[span], queries.data[span], k, condition))
        ranking = Ranking([], [])
        answer = self._call("POST", "/points/query/batch", {"searches": searches}, SEARCHING)
        for each in self._client.read(answer, list[Hits], "result"):
            ranking.ids.append([self._name(hit) for hit in each.points])
            ranking.scores.append(np.array([hit.score for hit in each.points], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        points = self._points(_point_ids(ids), payload=True, patience=SEARCHING)
        chunks = [chunk_of(self._name(point), point.payload) for point in points]
        return {chunk.id: chunk for chunk in chunks}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`."""
        found = {}
        points = self._points(_point_ids(ids), payload=[bodies.ID], vectors=True, patience=SEARCHING)
        for point in points:
            vector = (point.vector or {}).get(bodies.VECTOR, Sparse())
            pairs = vector.pairs()
            found[self._name(point)] = ([column for column, _ in pairs], [weight for _, weight in pairs])
        return found

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        wanted: Body = {"must": [{"key": "document_id", "match": {"value": document_id}}]}
        points = self._scroll(wanted, [bodies.ID, POSITION], SEARCHING)
        positions = [(self._client.read(point.payload, int, POSITION), self._name(point)) for point in points]
        return [name for _, name in sorted(positions)]

    def _put(self, points: Sequence[Body]) -> None:
        content = json_bytes({"points": points})
        if len(content) > REQUEST_BYTES and len(points) > 1:
            half = len(points) // 2
            self._put(points[:half])
            self._put(points[half:])
        else:
            self._call("PUT", "/points?wait=true", content)

    def _points(
        self,
        ids: Sequence[str],
        *,
        payload: bool | Sequence[str],
        vectors: bool = False,
        patience: Patience = LOADING,
    ) -> list[Point]:
        found: list[Point] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            body: Body = {"ids": list(ids[start : start + IDS_AT_ONCE]), "with_payload": payload}
            body["with_vector"] = [bodies.VECTOR] if vectors else False
            found += self._client.read(self._call("POST", "/points", body, patience), list[Point], "result")
        return found

    def _scroll(self, wanted: Body, payload: Sequence[str], patience: Patience = LOADING) -> Iterator[Point]:
        body: Body = {"filter": wanted, "limit": IDS_AT_ONCE, "with_payload": list(payload)}
        while True:
            answer = self._call("POST", "/points/scroll", body, patience)
            page = self._client.read(answer, dict[str, Any], "result")
            yield from self._client.read(page, list[Point], "points")
            body["offset"] = page.get("next_page_offset")
            if body["offset"] is None:
                return

    def _name(self, point: Point | Hit) -> str:
        return self._client.read(point.payload, str, bodies.ID)

    def _call(self, method: str, path: str, body: object, patience: Patience = LOADING) -> dict[str, Any]:
        answer = self._client.send(method, f"{self._path}{path}", body, patience=patience)
        self._require(answer, f"{method} {path or self._path}")
        return answer.body

    def _require(self, answer: Answer, what: str) -> None:
        if not answer.is_good:
            raise self._client.refusal(answer, what)


def _point_ids(ids: Sequence[str]) -> list[str]:
    return [bodies.point_id(name) for name in ids]
