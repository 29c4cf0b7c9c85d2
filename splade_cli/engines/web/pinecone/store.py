"""An index of Pinecone as a store: one namespace of it, and a second one with a record of what was pushed.

    pinecone+https://INDEX-PROJECT.svc.REGION.pinecone.io/namespace

The index is made beforehand, sparse and of metric dotproduct; its host stands in the console. Writes are seen
by searches a little later.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.remote.address import TOKEN, EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience
from splade_cli.engines.remote.rows import Rows
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.engines.web.answers import Answer
from splade_cli.engines.web.client import JsonClient, json_bytes
from splade_cli.engines.web.documents import DIGEST, POSITION, chunk_of, each_row
from splade_cli.engines.web.pinecone import bodies
from splade_cli.engines.web.pinecone.filters import Body
from splade_cli.engines.web.pinecone.replies import Listed, Match, Record
from splade_cli.errors import InputError
from splade_cli.records import Chunk, Ranking

VERSION = "2025-10"
"""Of the interface, the last with vector records that is documented here."""
IDS_AT_ONCE = 50
"""Which stand in an address."""
DELETED_AT_ONCE = 1000
PAGE = 100
SETTLED = 3
"""Equal counts one after the other, after which writes are taken to be seen."""
FACTS_ID = "facts"


def connect(address: EngineAddress) -> PineconeStore:
    """A store at an address; nothing is asked of the server yet.

    Raises:
        InputError: unknown parameters, or no key.
    """
    address.require_parameters("namespace")
    if not address.token:
        raise InputError("Pinecone wants a key", f"put it into {TOKEN}")
    headers = {"Api-Key": address.token, "X-Pinecone-API-Version": VERSION}
    return PineconeStore(address, JsonClient(address, headers))


class PineconeStore(StoreDefaults):
    """See `remote.store.Store`."""

    limits = bodies.LIMITS
    tolerance = bodies.TOLERANCE
    capabilities = frozenset({"filter", "vectors"})

    def __init__(self, address: EngineAddress, client: JsonClient) -> None:
        self.name = address.name("namespace")
        self._client = client

    @property
    def _facts_name(self) -> str:
        return f"{self.name}-facts"

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`."""
        found = self._fetch([FACTS_ID], self._facts_name)
        if found:
            return StoreFacts.from_json(self._client.read(found[FACTS_ID].metadata, str, "facts"))
        if self.count():
            raise InputError(
                f"{self._client.address}: the namespace '{self.name}' was not filled by splade",
                "name another one",
            )
        return None

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        record = {
            "id": FACTS_ID,
            "sparseValues": {"indices": [0], "values": [1.0]},
            "metadata": {"facts": facts.to_json()},
        }
        self._call("POST", "/vectors/upsert", {"vectors": [record], "namespace": self._facts_name})

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`: the index must be there, and of the right kind."""
        stats = self._stats()
        metric = stats.get("metric", "dotproduct")
        kind = stats.get("vectorType", "sparse")
        if metric != "dotproduct" or kind != "sparse":
            raise InputError(
                f"{self._client.address} is an index of {kind} vectors by {metric}",
                "make one of sparse vectors by dotproduct",
            )

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`."""
        self._upsert([bodies.record(row) for row in each_row(rows)])

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""
        for start in range(0, len(ids), DELETED_AT_ONCE):
            some = [bodies.record_id(name) for name in ids[start : start + DELETED_AT_ONCE]]
            self._call("POST", "/vectors/delete", {"ids": some, "namespace": self.name})

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        records = self._fetch(ids, self.name).items()
        return {name: self._client.read(record.metadata, str, DIGEST) for name, record in records}

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`."""
        asked = {"namespace": self.name, "limit": str(PAGE)}
        while True:
            page = self._call("GET", f"/vectors/list?{urlencode(asked)}", None)
            for record in self._client.read(page, list[Listed], "vectors", default=[]):
                yield bodies.our_id(record.id)
            following = self._client.read(page, str, "pagination", "next", default="")
            if not following:
                return
            asked["paginationToken"] = following

    def finish(self) -> None:
        """See `EngineWriter.finish`: waits until the count no longer changes, a minute at most."""
        counts: list[int] = []
        for _ in range(60):
            counts.append(self.count())
            if len(counts) >= SETTLED and len(set(counts[-SETTLED:])) == 1:
                return
            time.sleep(1)

    def clear(self) -> None:
        """See `EngineWriter.clear`."""
        for name in (self.name, self._facts_name):
            answer = self._client.send("POST", "/vectors/delete", {"deleteAll": True, "namespace": name})
            if answer.status != 404:
                self._require(answer, "to delete")

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`. Raises InputError for a condition: Pinecone counts none."""
        if condition is not None:
            raise InputError("Pinecone does not count what passes a filter", "search with the filter")
        return self._client.read(self._stats(), int, "namespaces", self.name, "vectorCount", default=0)

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`: Pinecone does not say."""
        return None

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._client.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`; a request for each query."""
        if k > bodies.MOST_HITS:
            raise InputError(f"Pinecone gives {bodies.MOST_HITS:,} hits at most, not {k:,}", "lower k")
        ranking = Ranking([], [])
        for number in range(queries.shape[0]):
            span = slice(queries.indptr[number], queries.indptr[number + 1])
            body = bodies.search_body(queries.indices[span], queries.data[span], k, self.name, condition)
            answer = self._call("POST", "/query", body, SEARCHING)
            matches = self._client.read(answer, list[Match], "matches", default=[])
            ranking.ids.append([bodies.our_id(match.id) for match in matches])
            ranking.scores.append(np.array([match.score for match in matches], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        records = self._fetch(ids, self.name, SEARCHING)
        texts = {name: self._client.read(each.metadata, str, bodies.CHUNK) for name, each in records.items()}
        return {name: chunk_of(name, json.loads(text)) for name, text in texts.items()}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`."""
        found = {}
        for name, record in self._fetch(ids, self.name, SEARCHING).items():
            pairs = [pair for pair in record.sparse.pairs() if pair[0] != bodies.NOTHING]
            found[name] = ([column for column, _ in pairs], [weight for _, weight in pairs])
        return found

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        body: Body = {
            "namespace": self.name,
            "filter": {bodies.DOCUMENT: {"$eq": document_id}},
            "limit": PAGE,
        }
        positions: dict[str, float] = {}
        while True:
            page = self._call("POST", "/vectors/fetch_by_metadata", body, SEARCHING)
            for name, record in self._client.read(page, dict[str, Record], "vectors", default={}).items():
                positions[bodies.our_id(name)] = self._client.read(record.metadata, float, POSITION)
            following = self._client.read(page, str, "pagination", "next", default="")
            if not following:
                return sorted(positions, key=lambda name: positions[name])
            body["paginationToken"] = following

    def _upsert(self, records: Sequence[Body]) -> None:
        content = json_bytes({"vectors": records, "namespace": self.name})
        if len(content) > bodies.MOST_BYTES and len(records) > 1:
            half = len(records) // 2
            self._upsert(records[:half])
            self._upsert(records[half:])
        elif records:
            self._call("POST", "/vectors/upsert", content)

    def _fetch(self, ids: Sequence[str], namespace: str, patience: Patience = LOADING) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for start in range(0, len(ids), IDS_AT_ONCE):
            asked = [("ids", bodies.record_id(name)) for name in ids[start : start + IDS_AT_ONCE]]
            path = f"/vectors/fetch?{urlencode([*asked, ('namespace', namespace)])}"
            answer = self._call("GET", path, None, patience)
            records = self._client.read(answer, dict[str, Record], "vectors", default={})
            found.update({bodies.our_id(name): record for name, record in records.items()})
        return found

    def _stats(self) -> dict[str, Any]:
        return self._call("POST", "/describe_index_stats", {})

    def _call(self, method: str, path: str, body: object, patience: Patience = LOADING) -> dict[str, Any]:
        answer = self._client.send(method, path, body, patience=patience)
        return self._require(answer, f"{method} {path.partition('?')[0]}")

    def _require(self, answer: Answer, what: str) -> dict[str, Any]:
        if not answer.is_good:
            raise self._client.refusal(answer, what)
        return answer.body
