"""A collection of Milvus as a store: an inverted index of sparse vectors, exact.

    key VARCHAR (the id, percent-encoded), document VARCHAR (so, too), position, digest,
    chunk VARCHAR (JSON: text, title, headings, metadata), fields JSON, v SPARSE_FLOAT_VECTOR

What a store says of itself is a property of the collection, ``splade.facts``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import scipy.sparse as sp
from pymilvus import DataType, MilvusClient

from splade_cli.engines.flat_fields import flat_fields
from splade_cli.engines.milvus.conditions import expression_of
from splade_cli.engines.milvus.server import Server
from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.remote.patience import LOADING
from splade_cli.engines.remote.rows import Rows
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.errors import InputError
from splade_cli.index.store.chunks import chunk_from_json
from splade_cli.records import Chunk, Ranking

FACTS = "splade.facts"
KEY_BYTES = 2048
TEXT_BYTES = 65_535
MOST_HITS = 16_384
BATCH_ROWS = 200
_SAFE = "!$&()*+,/:;=@#~ "
"""Characters of an id that need no encoding in an expression."""


def connect(address: EngineAddress) -> MilvusStore:
    """A store at an address. Raises ServiceError where no server answers."""
    return MilvusStore(address)


class MilvusStore(StoreDefaults):
    """See `remote.store.Store`.

    Args:
        address: ``milvus+http://host:19530/collection``, or ``milvus:///folder/file.db?collection=name`` for
            a file of milvus-lite.
    """

    tolerance = 1e-5
    capabilities = frozenset({"exact", "filter", "vectors"})
    limits = Limits(
        "Milvus",
        dimensions=2**32 - 2,
        negative=False,
        id_bytes=KEY_BYTES // 3,
        text_bytes=TEXT_BYTES,
        empty=False,
        batch_rows=BATCH_ROWS,
    )

    def __init__(self, address: EngineAddress) -> None:
        address.require_parameters("collection", "db")
        self.address = address
        self.name = address.name("collection")
        if "-" in self.name:
            raise InputError(f"'{self.name}' is no name of a collection", "letters, digits and _")
        self._server = Server(address)
        self._call = self._server.call
        self._client = self._server.client
        if self._exists():
            self._call(lambda seconds: self._client.load_collection(self.name, timeout=seconds))

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`."""
        if not self._exists():
            return None
        described = self._call(lambda seconds: self._client.describe_collection(self.name, timeout=seconds))
        facts = described.get("properties", {}).get(FACTS)
        if facts is None:
            raise InputError(
                f"{self.address}: the collection '{self.name}' was not made by splade", "name another one"
            )
        return StoreFacts.from_json(facts)

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        properties = {FACTS: facts.to_json()}
        self._call(
            lambda seconds: self._client.alter_collection_properties(self.name, properties, timeout=seconds),
            LOADING,
        )

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`."""
        if self._exists():
            return
        schema = MilvusClient.create_schema(auto_id=False)
        schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=KEY_BYTES)
        schema.add_field("document", DataType.VARCHAR, max_length=KEY_BYTES)
        schema.add_field("position", DataType.INT64)
        schema.add_field("digest", DataType.VARCHAR, max_length=64)
        schema.add_field("chunk", DataType.VARCHAR, max_length=TEXT_BYTES)
        schema.add_field("fields", DataType.JSON)
        schema.add_field("v", DataType.SPARSE_FLOAT_VECTOR)
        index = MilvusClient.prepare_index_params()
        index.add_index("v", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")

        def make(seconds: float) -> None:
            self._client.create_collection(
                self.name,
                schema=schema,
                index_params=index,
                consistency_level="Strong",
                properties={FACTS: facts.to_json()},
                timeout=seconds,
            )
            properties = {FACTS: facts.to_json()}
            self._client.alter_collection_properties(self.name, properties, timeout=seconds)
            self._client.load_collection(self.name, timeout=seconds)

        self._call(make, LOADING)

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`."""
        lines = []
        for number, chunk in enumerate(rows.chunks):
            fields = flat_fields(chunk)
            if len(json.dumps(fields)) > TEXT_BYTES:
                raise InputError(
                    f"Milvus takes {TEXT_BYTES:,} bytes of metadata a chunk, '{chunk.id[:60]}' has more",
                    "leave long values out of the metadata",
                )
            columns, weights = rows.vector(number)
            line = {
                "key": _key(chunk.id),
                "document": _key(chunk.document_id),
                "position": rows.positions[number],
                "digest": rows.digests[number],
                "chunk": rows.stored_chunks[number],
                "fields": fields,
                "v": dict(zip(columns, weights, strict=True)),
            }
            lines.append(line)
        self._call(lambda seconds: self._client.upsert(self.name, lines, timeout=seconds), LOADING)

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        return {unquote(row["key"]): row["digest"] for row in self._get(ids, "digest")}

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`."""
        pages = self._call(
            lambda seconds: self._client.query_iterator(
                self.name, batch_size=1000, output_fields=["key"], timeout=seconds
            )
        )
        while page := self._call(lambda seconds: pages.next()):
            yield from (unquote(row["key"]) for row in page)
        pages.close()

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""
        keys = [_key(each) for each in ids]
        self._call(lambda seconds: self._client.delete(self.name, ids=keys, timeout=seconds), LOADING)

    def finish(self) -> None:
        """See `EngineWriter.finish`."""
        self._call(lambda seconds: self._client.flush(self.name, timeout=seconds), LOADING)

    def clear(self) -> None:
        """See `EngineWriter.clear`."""
        self._call(lambda seconds: self._client.drop_collection(self.name, timeout=seconds), LOADING)

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`."""
        filter = "" if condition is None else expression_of(condition)
        rows = self._query(filter, ["count(*)"])
        return int(rows[0]["count(*)"])

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`."""
        return None

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._client.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`."""
        filter = "" if condition is None else expression_of(condition)
        found = self._call(
            lambda seconds: self._client.search(
                self.name,
                data=[queries[number] for number in range(queries.shape[0])],
                anns_field="v",
                limit=min(k, MOST_HITS),
                filter=filter,
                output_fields=["position"],
                search_params={"metric_type": "IP"},
                timeout=seconds,
            )
        )
        ranking = Ranking([], [])
        for hits in found:
            hits = sorted(hits, key=lambda hit: (-hit["distance"], hit["entity"]["position"]))
            ranking.ids.append([unquote(hit["key"]) for hit in hits])
            ranking.scores.append(np.array([hit["distance"] for hit in hits], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        chunks = [chunk_from_json(row["chunk"].encode("utf-8")) for row in self._get(ids, "chunk")]
        return {chunk.id: chunk for chunk in chunks}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`."""
        found = {}
        for row in self._get(ids, "v"):
            pairs = sorted(row["v"].items())
            found[unquote(row["key"])] = ([pair[0] for pair in pairs], [float(pair[1]) for pair in pairs])
        return found

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        filter = f'document == "{_key(document_id)}"'
        rows = self._query(filter, ["key", "position"])
        return [unquote(row["key"]) for row in sorted(rows, key=lambda row: int(row["position"]))]

    def _exists(self) -> bool:
        return bool(self._call(lambda seconds: self._client.has_collection(self.name, timeout=seconds)))

    def _query(self, filter: str, fields: list[str]) -> list[dict[str, Any]]:
        return list(
            self._call(
                lambda seconds: self._client.query(
                    self.name, filter=filter, output_fields=fields, timeout=seconds
                )
            )
        )

    def _get(self, ids: Sequence[str], field: str) -> list[dict[str, Any]]:
        keys = [_key(each) for each in ids]
        fields = ["key", field]
        return list(
            self._call(
                lambda seconds: self._client.get(self.name, ids=keys, output_fields=fields, timeout=seconds)
            )
        )


def _key(name: str) -> str:
    return quote(name, safe=_SAFE)
