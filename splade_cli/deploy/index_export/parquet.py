"""Rows as Parquet: plain columns that every reader knows, vectors as ``list<int32>`` and ``list<float>``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.deploy.distributed.tables import COLUMNS, INDICES, VALUES, vector_schema
from splade_cli.deploy.index_export.plain import write_queries
from splade_cli.deploy.index_export.source import Source
from splade_cli.engines.web.documents import METADATA, Row
from splade_cli.engines.web.names import TOKENS

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 5_000
FILE_ROWS = 500_000
TERMS = "terms"


def write_parquet(source: Source, folder: Path) -> None:
    """``rows/part-*.parquet``; names of the dimensions stand beside their numbers where they are tokens."""
    import pyarrow.parquet as pq

    target = folder / "rows"
    target.mkdir()
    schema = _schema(with_terms=source.names.kind == TOKENS)
    writer: pq.ParquetWriter | None = None
    number = written = 0
    try:
        for group in _groups(source):
            if writer is None or written >= FILE_ROWS:
                if writer is not None:
                    writer.close()
                writer = pq.ParquetWriter(target / f"part-{number:05}.parquet", schema, compression="zstd")
                number += 1
                written = 0
            writer.write_table(_table(group, source, schema))
            written += len(group)
    finally:
        if writer is not None:
            writer.close()
    write_queries(source, folder)


def _groups(source: Source) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in source.rows():
        group.append(row)
        if len(group) == GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _schema(*, with_terms: bool) -> pa.Schema:
    import pyarrow as pa

    schema = vector_schema()
    if with_terms:
        schema = schema.append(pa.field(TERMS, pa.list_(pa.string())))
    return schema


def _table(rows: list[Row], source: Source, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, list[object]] = {name: [row.text[name] for row in rows] for name in COLUMNS[1:-1]}
    columns[COLUMNS[0]] = [row.chunk.id for row in rows]
    columns[METADATA] = [json.dumps(row.text[METADATA], ensure_ascii=False) for row in rows]
    columns[INDICES] = [row.columns for row in rows]
    columns[VALUES] = [row.weights for row in rows]
    if TERMS in schema.names:
        columns[TERMS] = [source.names.of(row.columns) for row in rows]
    return pa.Table.from_pydict(columns, schema=schema)
