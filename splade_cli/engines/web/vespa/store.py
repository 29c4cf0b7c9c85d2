"""A Vespa application as a store.

    vespa+https://host:8080

The application is that of `splade export INDEX --to vespa`, deployed by its owner, since none is made by way
of documents and queries. What was pushed is recorded in a document of its own type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience
from splade_cli.engines.remote.rows import Rows
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.engines.web.answers import Answer
from splade_cli.engines.web.client import JsonClient
from splade_cli.engines.web.documents import DIGEST, chunk_of, each_row
from splade_cli.engines.web.vespa import bodies
from splade_cli.engines.web.vespa.filters import vespa_filter
from splade_cli.engines.web.vespa.replies import Cell, Hit, Listed
from splade_cli.errors import InputError, OptionError, ServiceError
from splade_cli.records import Chunk, Ranking

AT_ONCE = 8
"""Requests under way: each document is one."""
PAGE = 500
MOST_HITS = 10_000
"""As the query profile of the application says."""
CLUSTER = "splade"
DEPLOY = (
    "deploy the application: splade export INDEX --to vespa -o vespa, then vespa deploy vespa/application"
)
Result = TypeVar("Result")


def connect(address: EngineAddress) -> VespaStore:
    """A store at an address; nothing is asked of the server yet. Raises InputError for unknown parameters."""
    address.require_parameters()
    if address.path:
        raise OptionError(
            f"'{address.path[:60]}' in {address}: Vespa has one set of documents, without a name",
            "the host and port alone, as in vespa+https://host:8080",
        )
    headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
    return VespaStore(address, JsonClient(address, headers))


class VespaStore(StoreDefaults):
    """See `remote.store.Store`."""

    limits = bodies.LIMITS
    tolerance = bodies.TOLERANCE
    capabilities = frozenset({"filter", "vectors"})

    def __init__(self, address: EngineAddress, client: JsonClient) -> None:
        self._client = client

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`."""
        answer = self._client.get(_path(bodies.FACTS_KIND, bodies.FACTS_KIND), patience=LOADING)
        if answer.status == 404:
            return None
        if answer.status == 400:
            raise InputError(f"{self._client.address} has no application of splade", DEPLOY)
        body = self._require(answer, "the record")
        return StoreFacts.from_json(self._client.read(body, str, "fields", "content"))

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        body = {"fields": bodies.facts_body(facts.to_json())["fields"]}
        answer = self._client.send("POST", _path(bodies.FACTS_KIND, bodies.FACTS_KIND), body)
        self._require(answer, "the record")

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`: the application must be there."""
        self.read_facts()

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`."""

        def put(row_body: tuple[str, Mapping[str, Any]]) -> None:
            name, body = row_body
            answer = self._client.send("POST", _path(bodies.KIND, name), {"fields": body["fields"]})
            self._require(answer, f"'{name}'")

        self._each(put, [(row.chunk.id, bodies.document_body(row)) for row in each_row(rows)])

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""

        def remove(name: str) -> None:
            self._require(self._client.send("DELETE", _path(bodies.KIND, name)), f"to delete '{name}'")

        self._each(remove, ids)

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        documents = self._documents(ids, DIGEST)
        return {name: self._client.read(fields, str, DIGEST) for name, fields in documents}

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`; by buckets, a page at a time."""
        asked = {"wantedDocumentCount": str(PAGE), "cluster": CLUSTER, "fieldSet": f"{bodies.KIND}:chunk_id"}
        while True:
            answer = self._client.get(f"{_path(bodies.KIND)}?{urlencode(asked)}", patience=LOADING)
            page = self._require(answer, "to list documents")
            for document in self._client.read(page, list[Listed], "documents", default=[]):
                yield document.fields.chunk_id
            if "continuation" not in page:
                return
            asked["continuation"] = page["continuation"]

    def finish(self) -> None:
        """See `EngineWriter.finish`: nothing to do, as a write that is acknowledged is findable."""

    def clear(self) -> None:
        """See `EngineWriter.clear`; the application stays."""
        asked = {"selection": "true", "cluster": CLUSTER}
        while True:
            path = f"{_path(bodies.KIND)}?{urlencode(asked)}"
            page = self._require(self._client.send("DELETE", path), "to delete documents")
            if "continuation" not in page:
                break
            asked["continuation"] = page["continuation"]
        path = _path(bodies.FACTS_KIND, bodies.FACTS_KIND)
        self._require(self._client.send("DELETE", path), "to delete the record")

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`."""
        where = "true" if condition is None else vespa_filter(condition)
        root = self._ask({"yql": f"select chunk_id from {bodies.KIND} where {where}", "hits": 0})
        return self._client.read(root, int, "fields", "totalCount")

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`: Vespa does not say."""
        return None

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._client.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`; a request for each query."""
        if k > MOST_HITS:
            raise InputError(f"Vespa gives {MOST_HITS:,} hits at most, not {k:,}", "lower k")
        asked = []
        for number in range(queries.shape[0]):
            span = slice(queries.indptr[number], queries.indptr[number + 1])
            asked.append(bodies.search_body(queries.indices[span], queries.data[span], k, condition))
        ranking = Ranking([], [])
        for root in self._each(self._ask, asked):
            hits = self._client.read(root, list[Hit], "children", default=[])
            ranking.ids.append([hit.fields.chunk_id for hit in hits])
            ranking.scores.append(np.array([hit.relevance for hit in hits], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        fields = "document_id,title,headings,text,start,end,metadata"
        return {name: chunk_of(name, found) for name, found in self._documents(ids, fields)}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`."""
        found = {}
        for name, fields in self._documents(ids, "weights"):
            weights = self._cells(fields.get("weights"))
            columns = sorted(weights)
            found[name] = (columns, [weights[column] for column in columns])
        return found

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        wanted = json.dumps(document_id)
        root = self._ask(
            {
                "yql": f"select chunk_id, document_id from {bodies.KIND} where document_id contains {wanted} "
                "order by position",
                "hits": MOST_HITS,
            }
        )
        found = [hit.fields for hit in self._client.read(root, list[Hit], "children", default=[])]
        # Vespa compares texts without their case
        return [fields.chunk_id for fields in found if fields.document_id == document_id]

    def _documents(self, ids: Sequence[str], fields: str) -> list[tuple[str, dict[str, Any]]]:
        """Some fields of those of `ids` that are there."""
        wanted = urlencode({"fieldSet": f"{bodies.KIND}:{fields}", "format.tensors": "short"})

        def read(name: str) -> tuple[str, dict[str, Any]] | None:
            answer = self._client.get(f"{_path(bodies.KIND, name)}?{wanted}")
            if answer.status == 404:
                return None
            body = self._require(answer, f"'{name}'")
            return name, self._client.read(body, dict[str, Any], "fields", default={})

        return [found for found in self._each(read, ids) if found is not None]

    def _ask(self, body: Mapping[str, Any], patience: Patience = SEARCHING) -> dict[str, Any]:
        answer = self._require(self._client.post("/search/", body, patience=patience), "the search")
        root = self._client.read(answer, dict[str, Any], "root")
        if root.get("errors"):
            raise self._client.refusal(Answer(200, {"errors": root["errors"]}), "the search")
        if not self._client.read(root, bool, "coverage", "full", default=True):
            raise ServiceError(
                f"{self._client.address}: not all nodes answered, hits are missing", "see its log"
            )
        return root

    def _cells(self, tensor: object) -> dict[int, float]:
        """The cells of a tensor of one mapped dimension, in either of Vespa's two forms."""
        cells = tensor
        if isinstance(tensor, Mapping):
            cells = tensor.get("cells", {name: value for name, value in tensor.items() if name != "type"})
        if isinstance(cells, list):
            return {cell.address.t: cell.value for cell in self._client.read(cells, list[Cell])}
        return self._client.read(cells or {}, dict[int, float])

    def _each(self, call: Callable[[Any], Result], things: Sequence[Any]) -> list[Result]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(call, things))

    def _require(self, answer: Answer, what: str) -> dict[str, Any]:
        if not answer.is_good:
            raise self._client.refusal(answer, what)
        return answer.body


def _path(kind: str, name: str | None = None) -> str:
    path = f"/document/v1/{bodies.NAMESPACE}/{kind}/docid"
    if name is None:
        return path
    return f"{path}/{quote(name, safe='')}"
