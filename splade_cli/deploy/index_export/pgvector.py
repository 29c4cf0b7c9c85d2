"""Rows for PostgreSQL with pgvector: statements, and parts in the text format of COPY.

The table is the one of `engines.postgres`, record included, so that it can be searched, and brought up to
date, as one that was pushed.
"""

from __future__ import annotations

import json
from pathlib import Path

from splade_cli.deploy.index_export.parts import PartWriter
from splade_cli.deploy.index_export.source import Query, Source
from splade_cli.engines.postgres.vectors import sparsevec
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.remote.rows import field_values
from splade_cli.engines.web.documents import Row

LIMITS = Limits("pgvector", dimensions=1_000_000_000, nonzeros=16_000, id_bytes=2600, nul=False)
HNSW_NONZEROS = 1000
FILE_BYTES = 256_000_000
HITS = 10
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
SCHEMA = """\
create extension if not exists vector;
create table if not exists splade_stores (name text primary key, facts text not null);
create table "{name}" (
    id text collate "C" primary key,
    document_id text collate "C" not null,
    position bigint not null,
    digest text not null,
    chunk json not null,        -- text, title, headings, offsets, metadata
    fields jsonb not null,      -- {{"name": [values]}}, for filters
    v sparsevec({dimensions}) not null
);
create index on "{name}" (document_id, position);
"""
FINISH = """\
insert into splade_stores values ('{name}', '{facts}')
    on conflict (name) do update set facts = excluded.facts;
analyze "{name}";
"""
HNSW = """\
-- approximate search; without it each query looks at all rows, and is exact
create index on "{name}" using hnsw (v sparsevec_ip_ops) with (m = 16, ef_construction = 64);
"""
QUERY = """\
-- <#> is the negative inner product
select id, -(v <#> q) as score
from "{name}", (select '{vector}'::sparsevec as q) as asked
order by v <#> q, position
limit {hits};
"""


def row_line(row: Row, dimensions: int) -> str:
    """One line of COPY. Values that filters see have another sign where NUL was, which jsonb cannot hold."""
    fields = {
        _without_nul(name): [_without_nul(value) if isinstance(value, str) else value for value in values]
        for name, values in field_values(row.chunk).items()
    }
    cells = (
        row.chunk.id,
        row.chunk.document_id,
        str(row.position),
        row.digest,
        row.stored,
        json.dumps(fields, ensure_ascii=False),
        sparsevec(row.columns.tolist(), row.weights.tolist(), dimensions),
    )
    return "\t".join(cell.translate(_ESCAPED) for cell in cells) + "\n"


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd")


def query_statement(query: Query, name: str, dimensions: int) -> str:
    """A statement that finds the best of a query."""
    vector = sparsevec(query.columns.tolist(), query.weights.tolist(), dimensions)
    return QUERY.format(name=name, vector=vector, hits=HITS)


def write_pgvector(source: Source, folder: Path) -> None:
    """``schema.sql``, ``rows/part-*.copy``, ``finish.sql``, ``query.sql``; ``hnsw.sql`` where rows are short
    enough for that index."""
    dimensions = source.index.dimensions
    schema = SCHEMA.format(name=source.name, dimensions=dimensions)
    (folder / "schema.sql").write_text(schema, encoding="utf-8")
    parts = PartWriter(folder / "rows", ".copy", FILE_BYTES)
    for row in source.rows():
        parts.write(row_line(row, dimensions).encode())
    parts.close()
    facts = source.facts.to_json().replace("'", "''")
    finish = FINISH.format(name=source.name, facts=facts)
    (folder / "finish.sql").write_text(finish, encoding="utf-8")
    if source.checked.nonzeros <= HNSW_NONZEROS:
        (folder / "hnsw.sql").write_text(HNSW.format(name=source.name), encoding="utf-8")
    statements = [query_statement(query, source.name, dimensions) for query in source.queries]
    first = query_statement(source.sample, source.name, dimensions)
    (folder / "query.sql").write_text(first, encoding="utf-8")
    if statements:
        (folder / "queries.sql").write_text("\n".join(statements), encoding="utf-8")
