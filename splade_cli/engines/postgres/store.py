"""A table of PostgreSQL as a store: exact by scan, or approximate by an HNSW index.

    id text, document_id text, position bigint, digest text,
    chunk json      the text, its title, headings, offsets and metadata
    fields jsonb    {"name": [values]}, for filters
    v sparsevec     the vector

A second table, ``splade_stores``, holds the record of each such table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
import psycopg
import scipy.sparse as sp
from psycopg import sql

from splade_cli.engines.postgres import tables
from splade_cli.engines.postgres.conditions import sql_of, without_nul
from splade_cli.engines.postgres.connections import Connections
from splade_cli.engines.postgres.vectors import parse_sparsevec, sparsevec
from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.remote.patience import LOADING
from splade_cli.engines.remote.rows import Rows, fields_json
from splade_cli.errors import InputError, ServiceError
from splade_cli.index.store.chunks import chunk_from_json
from splade_cli.records import Chunk, Ranking

OWN = ("table", "index", "m", "ef_construction", "ef_search")
EFFORTS = (200, 400, 700, 1000)
"""Values of ``hnsw.ef_search``, the usual one first; the last is pgvector's most."""
IDS_AT_ONCE = 5000
FOLDS_FROM = 180000
_UPSERT = """insert into {table} select * from {staged} on conflict (id) do update set
document_id = excluded.document_id, position = excluded.position, digest = excluded.digest,
chunk = excluded.chunk, fields = excluded.fields, v = excluded.v"""


def connect(address: EngineAddress) -> PostgresStore:
    """A store at an address. Raises as `Connections.run`, and InputError for an index that there is not."""
    return PostgresStore(address)


class PostgresStore:
    """See `remote.store.Store`.

    Args:
        address: ``postgresql://user@host/database?table=docs``; ``index=hnsw`` with ``m``,
            ``ef_construction`` and ``ef_search`` for approximate search, and what libpq knows besides.
    """

    tolerance = 1e-5

    def __init__(self, address: EngineAddress) -> None:
        index = address.parameter("index", "none")
        if index not in ("none", "hnsw"):
            raise InputError(f"index={index} in {address}", "index=hnsw, or none for exact search")
        self.name = address.name("table")
        self._wants_hnsw = index == "hnsw"
        self._links = address.number("m", 16)
        self._build = address.number("ef_construction", 64)
        self._is_told = bool(address.parameter("ef_search"))
        self._search = address.number("ef_search", EFFORTS[0])
        self._table = sql.Identifier(self.name)
        self._connections = Connections(address, OWN, self._setup)
        # one connection, whose session holds the lock
        self._locking = Connections(address, OWN, lambda: list(tables.LOCKING))
        self._version = self._connections.run(lambda connection: connection.info.server_version)

    @property
    def limits(self) -> Limits:
        """See `EngineWriter.limits`."""
        nonzeros = 1000 if self._wants_hnsw or self._has_hnsw else 16_000
        name = "pgvector's HNSW index" if nonzeros == 1000 else "pgvector"
        return Limits(name, dimensions=1_000_000_000, nonzeros=nonzeros, id_bytes=2600, nul=False)

    @property
    def capabilities(self) -> frozenset[str]:
        """See `Store.capabilities`."""
        if self._has_hnsw:
            return frozenset({"filter", "vectors"})
        return frozenset({"exact", "filter", "vectors"})

    @property
    def efforts(self) -> tuple[int, ...]:
        """See `Store.efforts`: larger values of ``hnsw.ef_search``."""
        if not self._has_hnsw or self._is_told:
            return ()
        return tuple(each for each in EFFORTS if each > self._search)

    def set_effort(self, effort: int) -> None:
        """See `Store.set_effort`."""
        if self._is_told or effort == self._search:
            return
        self._search = effort
        self._connections.close()

    def try_lock(self) -> bool | None:
        """See `EngineWriter.try_lock`: an advisory lock, which goes with its session."""
        return self._locking.run(lambda connection: tables.try_lock(connection, self.name), LOADING)

    def unlock(self) -> None:
        """See `EngineWriter.unlock`."""
        with suppress(ServiceError):
            self._locking.run(tables.unlock)
        self._locking.close()

    def read_facts(self) -> StoreFacts | None:
        """See `EngineWriter.read_facts`."""
        address = str(self._connections.address)
        return self._connections.run(lambda connection: tables.read_facts(connection, self.name, address))

    def write_facts(self, facts: StoreFacts) -> None:
        """See `EngineWriter.write_facts`."""
        self._run(tables.REPLACE_FACTS, [self.name, facts.to_json()])

    def prepare(self, facts: StoreFacts) -> None:
        """See `EngineWriter.prepare`."""
        address = str(self._connections.address)
        self._connections.run(lambda connection: tables.make(connection, self.name, facts, address), LOADING)

    def write(self, rows: Rows) -> None:
        """See `EngineWriter.write`: a copy into a table of this connection, then one statement."""
        staged = sql.Identifier(f"{self.name[:40]}_staged")
        dimensions = rows.vectors.shape[1]
        lines = [
            (
                chunk.id,
                chunk.document_id,
                rows.positions[number],
                rows.digests[number],
                rows.stored_chunks[number],
                without_nul_escapes(fields_json(chunk)),
                sparsevec(*rows.vector(number), dimensions),
            )
            for number, chunk in enumerate(rows.chunks)
        ]

        def send(connection: psycopg.Connection) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                made = "create temporary table {staged} (like {table}) on commit drop"
                cursor.execute(sql.SQL(made).format(staged=staged, table=self._table))
                with cursor.copy(sql.SQL("copy {staged} from stdin").format(staged=staged)) as copy:
                    for line in lines:
                        copy.write_row(line)
                cursor.execute(sql.SQL(_UPSERT).format(table=self._table, staged=staged))

        self._connections.run(send, LOADING)

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """See `EngineWriter.digests`."""
        return dict(self._rows("select id, digest from {table} where id = any(%s)", [list(ids)]))  # type: ignore[arg-type]

    def ids(self) -> Iterator[str]:
        """See `EngineWriter.ids`; in the order of their bytes, some at a time."""
        last = ""
        statement = "select id from {table} where id > %s order by id limit %s"
        # an empty id stands before all others
        page = self._rows("select id from {table} where id = ''", [])
        while True:
            yield from (str(row[0]) for row in page)
            page = self._rows(statement, [last, IDS_AT_ONCE])
            if not page:
                return
            last = str(page[-1][0])

    def delete(self, ids: Sequence[str]) -> None:
        """See `EngineWriter.delete`."""
        self._run("delete from {table} where id = any(%s)", [list(ids)])

    def finish(self) -> None:
        """See `EngineWriter.finish`: the HNSW index is built after the load, which takes a fifth of the
        time that it takes during it."""
        if self._wants_hnsw and not self._has_hnsw:
            made = (
                "create index on {table} using hnsw (v sparsevec_ip_ops) with "
                f"(m = {self._links}, ef_construction = {self._build})"
            )
            self._run(made, [])
            self._forget_hnsw()
        self._run("analyze {table}", [])

    def clear(self) -> None:
        """See `EngineWriter.clear`."""
        self._run("drop table if exists {table}", [])
        self._run(f"delete from {tables.FACTS} where name = %s", [self.name])
        self._forget_hnsw()

    def count(self, condition: Condition | None = None) -> int:
        """See `EngineWriter.count`."""
        where, values = self._where(condition)
        return int(str(self._rows("select count(*) from {table}" + where, values)[0][0]))

    def size_bytes(self) -> int | None:
        """See `EngineWriter.size_bytes`."""
        return int(str(self._rows("select pg_total_relation_size('{table}')", [])[0][0]))

    def close(self) -> None:
        """See `EngineWriter.close`."""
        self._connections.close()
        self._locking.close()

    def search(self, queries: sp.csr_matrix, k: int, condition: Condition | None = None) -> Ranking:
        """See `Store.search`."""
        where, values = self._where(condition)
        # a subquery, so that the vector is parsed once and each row's product is computed once
        text = (
            "select id, -(v <#> q) as score from {table}, (select %s::sparsevec as q) as asked"
            + where
            + " order by v <#> q, position limit %s"
        )
        if self._has_hnsw:
            text = "select id, -(v <#> %s::sparsevec) from {table}" + where
            text += " order by v <#> %s::sparsevec limit %s"
        statement = sql.SQL(text).format(table=self._table)  # type: ignore[arg-type]
        ranking = Ranking([], [])

        def ask(connection: psycopg.Connection) -> list[tuple[str, float]]:
            parameters: list[object] = [query, *values, k]
            if self._has_hnsw:
                parameters = [query, *values, query, k]
            return connection.execute(statement, parameters).fetchall()

        for number in range(queries.shape[0]):
            span = slice(queries.indptr[number], queries.indptr[number + 1])
            query = sparsevec(queries.indices[span].tolist(), queries.data[span].tolist(), queries.shape[1])
            found = self._connections.run(ask)
            ranking.ids.append([name for name, _ in found])
            ranking.scores.append(np.array([score for _, score in found], dtype=np.float32))
        return ranking

    def fetch(self, ids: Sequence[str]) -> Mapping[str, Chunk]:
        """See `Store.fetch`."""
        found = self._rows("select chunk::text from {table} where id = any(%s)", [list(ids)])
        chunks = [chunk_from_json(str(row[0]).encode("utf-8")) for row in found]
        return {chunk.id: chunk for chunk in chunks}

    def vectors(self, ids: Sequence[str]) -> Mapping[str, tuple[list[int], list[float]]]:
        """See `Store.vectors`."""
        found = self._rows("select id, v::text from {table} where id = any(%s)", [list(ids)])
        return {str(name): parse_sparsevec(str(text)) for name, text in found}

    def chunks_of(self, document_id: str) -> list[str]:
        """See `Store.chunks_of`."""
        text = "select id from {table} where document_id = %s order by position"
        return [str(row[0]) for row in self._rows(text, [document_id.replace("\0", "")])]

    def _setup(self) -> list[str]:
        """Settings of HNSW: with a filter it would give too few rows if it did not go on looking."""
        return [f"set hnsw.ef_search = {self._search}", "set hnsw.iterative_scan = strict_order"]

    @cached_property
    def _has_hnsw(self) -> bool:
        found = self._rows(
            "select 1 from pg_indexes where tablename = %s and indexdef ilike '%%using hnsw%%' limit 1",
            [self.name],
        )
        return bool(found)

    def _forget_hnsw(self) -> None:
        self.__dict__.pop("_has_hnsw", None)

    def _where(self, condition: Condition | None) -> tuple[str, list[object]]:
        if condition is None:
            return "", []
        text, values = sql_of(condition, folds=self._version >= FOLDS_FROM)
        return f" where {text.replace('{', '{{').replace('}', '}}')}", values

    def _run(self, text: str, values: Sequence[object]) -> None:
        statement = sql.SQL(text).format(table=self._table)  # type: ignore[arg-type]
        self._connections.run(lambda connection: connection.execute(statement, values), LOADING)

    def _rows(self, text: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        statement = sql.SQL(text).format(table=self._table)  # type: ignore[arg-type]
        return self._connections.run(lambda connection: connection.execute(statement, values).fetchall())


def without_nul_escapes(text: str) -> str:
    """JSON as jsonb takes it: NUL, which JSON can only spell ``\\u0000``, is replaced.

    A backslash before the escape belongs to a text that spells it, and stays.
    """
    if "\\u0000" not in text:
        return text
    pieces = text.split("\\\\")
    return "\\\\".join(piece.replace("\\u0000", without_nul("\0")) for piece in pieces)
