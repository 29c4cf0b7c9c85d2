"""A table of OceanBase seekdb as a store, searched by its inverted index of sparse vectors (sindi).

    id varbinary, document_id varbinary, position bigint, digest varchar,
    chunk longtext  the text, its title, headings, offsets and metadata as JSON
    fields json     for filters, see `flat_fields`
    v sparsevector  the vector

A second table, ``splade_stores``, holds the record of each such table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.flat_fields import flat_fields
from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.remote.rows import Rows
from splade_cli.engines.remote.store import StoreDefaults
from splade_cli.engines.seekdb.conditions import sql_of
from splade_cli.engines.seekdb.connections import Connections
from splade_cli.errors import InputError
from splade_cli.index.store.chunks import chunk_from_json
from splade_cli.records import Chunk, Ranking

FACTS = "splade_stores"
ID_BYTES = 700
DIMENSIONS = 500_000
IDS_AT_ONCE = 5000
_INDEX = "vector index by_vector(v) with (distance=inner_product, lib=vsag, type=sindi)"
_COLUMNS = f"""id varbinary({ID_BYTES}) primary key, document_id varbinary({ID_BYTES}) not null,
position bigint not null, digest varchar(64) not null, chunk longtext not null, fields json not null,
v sparsevector, key by_document(document_id, position)"""
_UPSERT = """ on duplicate key update document_id = values(document_id), position = values(position),
digest = values(digest), chunk = values(chunk), fields = values(fields), v = values(v)"""


def connect(address: EngineAddress) -> SeekdbStore:
    """A store at an address. Raises ServiceError where no server answers."""
    return SeekdbStore(address)


class SeekdbStore(StoreDefaults):
    """See `remote.store.Store`.

    Args:
        address: ``seekdb://user@host:2881/database?table=docs``; ``index=none`` scans all rows, exactly.
    """

    tolerance = 1e-5
    limits = Limits("seekdb", dimensions=DIMENSIONS, id_bytes=ID_BYTES, batch_rows=250)

    def __init__(self, address: EngineAddress) -> None:
        address.require_parameters("table", "index")
        index = address.parameter("index", "sindi")
        if index not in ("none", "sindi"):
            raise InputError(f"index={index} in {address}", "index=none for exact search, or sindi")
        self.address = address
        self.name = address.name("table")
        self._is_exact = index == "none"
        self._table = f"`{self.name}`"
        self._connections = Connections(address)
        self._rows = self._connections.rows
        self._run = self._connections.run
        self._rows("select 1")

    @property
    def capabilities(self) -> frozenset[str]:
        """See `Store.capabilities`."""
        shared = frozenset({"filter", "vectors"})
        return shared | {"exact"} if self._is_exact else shared

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`."""
        there = "select 1 from information_schema.tables where table_schema = database() and table_name = %s"
        if self._rows(there, [FACTS]):
            found = self._rows(f"select facts from {FACTS} where name = %s", [self.name])
            if found:
                return StoreFacts.from_json(found[0][0])
        if self._rows(there, [self.name]):
            raise InputError(
                f"{self.address}: the table '{self.name}' was not made by splade",
                "name another one: ?table=NAME",
            )
        return None

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        self._run(f"replace into {FACTS} values (%s, %s)", [self.name, facts.to_json()])

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`; the record goes before the table, which is never without it."""
        self._run(f"create table if not exists {FACTS} (name varchar(64) primary key, facts longtext)")
        self._run(f"insert ignore into {FACTS} values (%s, %s)", [self.name, facts.to_json()])
        columns = _COLUMNS if self._is_exact else f"{_COLUMNS}, {_INDEX}"
        self._run(f"create table if not exists {self._table} ({columns})")

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`."""
        lines = []
        for number, chunk in enumerate(rows.chunks):
            line = (
                chunk.id.encode(),
                chunk.document_id.encode(),
                rows.positions[number],
                rows.digests[number],
                rows.stored_chunks[number],
                json.dumps(flat_fields(chunk), ensure_ascii=False),
                sparsevector(*rows.vector(number)),
            )
            lines.append(line)
        marks = ",".join(["(%s,%s,%s,%s,%s,%s,%s)"] * len(lines))
        values = [value for line in lines for value in line]
        self._run(f"insert into {self._table} values {marks}{_UPSERT}", values)

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        return {name.decode(): digest for name, digest in self._of("id, digest", ids)}

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`; in the order of their bytes, some at a time."""
        page = self._rows(f"select id from {self._table} order by id limit {IDS_AT_ONCE}")
        while page:
            yield from (row[0].decode() for row in page)
            text = f"select id from {self._table} where id > %s order by id limit {IDS_AT_ONCE}"
            page = self._rows(text, [page[-1][0]])

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""
        self._run(f"delete from {self._table} where id in ({_marks(ids)})", _bytes(ids))

    def finish(self) -> None:
        """See `EngineWriter.finish`: rows are findable as soon as they are written."""

    def clear(self) -> None:
        """See `EngineWriter.clear`."""
        self._run(f"drop table if exists {self._table}")
        if self._rows("show tables like %s", [FACTS]):
            self._run(f"delete from {FACTS} where name = %s", [self.name])

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`."""
        where, values = _where(condition)
        return int(self._rows(f"select count(*) from {self._table}{where}", values)[0][0])

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`."""
        return None

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._connections.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`."""
        where, values = _where(condition)
        order = ", position" if self._is_exact else " approximate"
        text = (
            f"select id, 0 - negative_inner_product(v, %s), position from {self._table}{where} "
            f"order by negative_inner_product(v, %s){order} limit %s"
        )
        ranking = Ranking([], [])
        for number in range(queries.shape[0]):
            span = slice(queries.indptr[number], queries.indptr[number + 1])
            query = sparsevector(queries.indices[span].tolist(), queries.data[span].tolist())
            found = self._rows(text, [query, *values, query, k])
            found = sorted(found, key=lambda row: (-row[1], row[2]))
            ranking.ids.append([row[0].decode() for row in found])
            ranking.scores.append(np.array([row[1] for row in found], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        chunks = [chunk_from_json(text.encode("utf-8")) for _, text in self._of("id, chunk", ids)]
        return {chunk.id: chunk for chunk in chunks}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`."""
        return {name.decode(): parse_sparsevector(text) for name, text in self._of("id, v", ids)}

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        text = f"select id from {self._table} where document_id = %s order by position"
        return [row[0].decode() for row in self._rows(text, [document_id.encode()])]

    def _of(self, columns: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        return self._rows(f"select {columns} from {self._table} where id in ({_marks(ids)})", _bytes(ids))


def sparsevector(columns: Sequence[int], weights: Sequence[float]) -> str:
    """A vector as text, columns counted from 0."""
    pairs = ",".join([f"{column}:{weight:.9g}" for column, weight in zip(columns, weights, strict=True)])
    return f"{{{pairs}}}"


def parse_sparsevector(text: str) -> tuple[list[int], list[float]]:
    """Columns and weights of a vector as text."""
    pairs = [pair.partition(":") for pair in text.strip("{}").split(",") if pair]
    return [int(column) for column, _, _ in pairs], [float(weight) for _, _, weight in pairs]


def _where(condition: Condition | None) -> tuple[str, list[object]]:
    if condition is None:
        return "", []
    text, values = sql_of(condition)
    return f" where {text}", values


def _marks(ids: Sequence[str]) -> str:
    return ",".join(["%s"] * len(ids)) or "null"


def _bytes(ids: Sequence[str]) -> list[bytes]:
    return [each.encode() for each in ids]
