"""An index of Elasticsearch or OpenSearch as a store.

What was pushed is recorded in the mapping's ``_meta``, so that index and record are made in one step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience
from splade_cli.engines.remote.rows import Rows
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.engines.web.answers import Answer
from splade_cli.engines.web.client import LINES, JsonClient, json_bytes
from splade_cli.engines.web.documents import DIGEST, POSITION, chunk_of, each_row
from splade_cli.engines.web.lucene import bodies
from splade_cli.engines.web.lucene.bulk import send_bulk
from splade_cli.engines.web.lucene.filters import Body, lucene_query
from splade_cli.engines.web.lucene.replies import Document, Scored, Sorted
from splade_cli.engines.web.names import NUMBERED
from splade_cli.errors import InputError, ServiceError
from splade_cli.records import Chunk, Ranking

IDS_AT_ONCE = 1000
MOST_HITS = 10_000
"""Of a search, unless the server is told otherwise."""
IGNORED_CASE = "lower case letters, digits and _, e.g. docs"


@dataclass(frozen=True)
class Dialect:
    """Where the two engines differ.

    Attributes:
        limits: of the engine.
        tolerance: see `Store.tolerance`.
        index_body: settings and mapping, by the number of fields.
        search_body: of a query's columns, weights, k and condition.
        exact: whether all texts are looked at.
    """

    limits: Limits
    tolerance: float
    index_body: Callable[[int], Body]
    search_body: Callable[..., Body]
    exact: bool = True


class LuceneStore(StoreDefaults):
    """See `remote.store.Store`."""

    def __init__(self, address: EngineAddress, client: JsonClient, dialect: Dialect) -> None:
        self.name = address.name("index")
        if self.name != self.name.lower() or self.name.startswith("_"):
            raise InputError(f"'{self.name}' is no name of an index", IGNORED_CASE)
        self.dialect = dialect
        self.limits = dialect.limits
        self.tolerance = dialect.tolerance
        self._client = client
        self._is_fresh = False

    @property
    def capabilities(self) -> frozenset[str]:
        """See `Store.capabilities`."""
        return frozenset({"filter", "vectors", *(("exact",) if self.dialect.exact else ())})

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`."""
        answer = self._client.get(f"/{self.name}/_mapping", patience=LOADING)
        if answer.status == 404:
            return None
        self._require(answer, "to show the mapping")
        for index in answer.body.values():
            meta = self._client.read(index, dict[str, Any], "mappings", "_meta", default={})
            if meta.get(bodies.META) is not None:
                return StoreFacts.from_json(meta[bodies.META])
        raise InputError(
            f"{self._client.address}: the index '{self.name}' was not made by splade", "name another one"
        )

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        self._send("PUT", "_mapping", bodies.meta_body(facts.to_json()))

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`."""
        index = self.dialect.index_body(len(facts.fields))
        if self._client.send("HEAD", f"/{self.name}").status == 404:
            index["mappings"].update(bodies.meta_body(facts.to_json()))
            answer = self._client.send("PUT", f"/{self.name}", index)
            exists = answer.status == 400 and "resource_already_exists" in json.dumps(answer.body)
            if not exists:
                self._require(answer, "to make the index")
        else:
            limit = "index.mapping.total_fields.limit"
            self._send("PUT", "_settings", {limit: index["settings"][limit]})

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`."""
        self._is_fresh = False
        operations = [
            (row.chunk.id, bodies.bulk_lines(row.chunk.id, bodies.document_body(row, NUMBERED)).encode())
            for row in each_row(rows)
        ]
        send_bulk(self._client, self.name, operations)

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""
        self._is_fresh = False
        send_bulk(self._client, self.name, [(name, bodies.bulk_lines(name, None).encode()) for name in ids])

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        sources = self._sources(ids, DIGEST)
        return {name: self._client.read(source, str, DIGEST) for name, source in sources}

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`; by position, a page at a time."""
        self._refresh()
        body: Body = {"size": IDS_AT_ONCE, "_source": False, "sort": [{POSITION: "asc"}]}
        while True:
            hits = self._client.read(self._send("POST", "_search", body), list[Sorted], "hits", "hits")
            yield from (hit.id for hit in hits)
            if len(hits) < IDS_AT_ONCE:
                return
            body["search_after"] = hits[-1].sort

    def finish(self) -> None:
        """See `EngineWriter.finish`."""
        self._refresh()

    def clear(self) -> None:
        """See `EngineWriter.clear`."""
        answer = self._client.send("DELETE", f"/{self.name}")
        if answer.status != 404:
            self._require(answer, "to delete the index")

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`."""
        patience = LOADING if condition is None else SEARCHING
        self._refresh(patience)
        query: Body = {"match_all": {}} if condition is None else lucene_query(condition)
        return self._client.read(self._send("POST", "_count", {"query": query}, patience), int, "count")

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`."""
        answer = self._client.get(f"/{self.name}/_stats/store")
        if not answer.is_good:
            return None
        return self._client.read(answer.body, int, "_all", "total", "store", "size_in_bytes")

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._client.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`; all queries go in one request."""
        if k > MOST_HITS:
            raise InputError(f"{self.limits.engine} gives {MOST_HITS:,} hits at most, not {k:,}", "lower k")
        lines = []
        for number in range(queries.shape[0]):
            span = slice(queries.indptr[number], queries.indptr[number + 1])
            body = self.dialect.search_body(queries.indices[span], queries.data[span], k, condition)
            lines += [b"{}", json_bytes(body)]
        content = b"\n".join(lines) + b"\n"
        answer = self._client.send("POST", f"/{self.name}/_msearch", content, kind=LINES, patience=SEARCHING)
        self._require(answer, "the search")
        ranking = Ranking([], [])
        for each in self._client.read(answer.body, list[dict[str, Any]], "responses"):
            if "error" in each:
                status = self._client.read(each, int, "status", default=400)
                raise self._client.refusal(Answer(status, {"error": each["error"]}), "the search")
            hits = self._client.read(self._whole(each), list[Scored], "hits", "hits")
            ranking.ids.append([hit.id for hit in hits])
            ranking.scores.append(np.array([hit.score for hit in hits], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        fields = "document_id,text,title,headings,start,end,metadata"
        return {name: chunk_of(name, source) for name, source in self._sources(ids, fields, SEARCHING)}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`. From 9.2 on Elasticsearch leaves vectors out of ``_source`` unless the request
        names their field, and then makes them of the nine significant bits that it searches by."""
        found = {}
        for name, source in self._sources(ids, bodies.VECTOR, SEARCHING):
            weights = self._client.read(source, dict[int, float], bodies.VECTOR, default={})
            columns = sorted(weights)
            found[name] = (columns, [weights[column] for column in columns])
        return found

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        body: Body = {
            "size": MOST_HITS,
            "_source": False,
            "sort": [{POSITION: "asc"}],
            "query": {"term": {"document_id": document_id}},
        }
        found = self._send("POST", "_search", body, SEARCHING)
        return [hit.id for hit in self._client.read(found, list[Sorted], "hits", "hits")]

    def _sources(
        self, ids: Sequence[str], fields: str, patience: Patience = LOADING
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Parts of the documents of those of `ids` that are there; as written last, found by searches or
        not."""
        path = f"_mget?_source_includes={fields}"
        for start in range(0, len(ids), IDS_AT_ONCE):
            body = {"ids": list(ids[start : start + IDS_AT_ONCE])}
            answer = self._send("POST", path, body, patience)
            for document in self._client.read(answer, list[Document], "docs"):
                if document.found:
                    yield document.id, document.source

    def _refresh(self, patience: Patience = LOADING) -> None:
        """Makes what was written findable; without a write there is nothing to do."""
        if not self._is_fresh:
            self._send("POST", "_refresh", None, patience)
            self._is_fresh = True

    def _send(self, method: str, path: str, body: object, patience: Patience = LOADING) -> dict[str, Any]:
        answer = self._client.send(method, f"/{self.name}/{path}", body, patience=patience)
        self._require(answer, f"{method} {path}")
        return self._whole(answer.body)

    def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """An answer of all shards. Raises ServiceError where one failed: hits would be missing."""
        failed = self._client.read(body, int, "_shards", "failed", default=0)
        if failed or body.get("timed_out"):
            raise ServiceError(
                f"{failed} shards failed: the answer is not whole", "see the log of the server"
            )
        return body

    def _require(self, answer: Answer, what: str) -> None:
        if not answer.is_good:
            raise self._client.refusal(answer, what)
