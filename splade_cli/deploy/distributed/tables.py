"""Tables of chunks and of their vectors, as Arrow and Parquet have them.

Columns of chunks: ``id, document_id, title, headings, text, start, end, metadata`` (JSON in a text); those of
vectors besides: ``indices list<int32>``, ascending, and ``values list<float>``. `splade export --to parquet`
writes the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.web.documents import DEFAULTS, METADATA, chunk_of
from splade_cli.errors import InputError
from splade_cli.index.store.chunks import chunk_to_json
from splade_cli.records import Chunk

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("id", "document_id", "title", "headings", "text", "start", "end", METADATA)
INDICES, VALUES = "indices", "values"


def chunk_schema() -> pa.Schema:
    """Columns of chunks."""
    import pyarrow as pa

    types = {"headings": pa.list_(pa.string()), "start": pa.int64(), "end": pa.int64()}
    return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])


def vector_schema() -> pa.Schema:
    """Columns of chunks with their vectors."""
    import pyarrow as pa

    schema = chunk_schema()
    schema = schema.append(pa.field(INDICES, pa.list_(pa.int32())))
    return schema.append(pa.field(VALUES, pa.list_(pa.float32())))


def table_of(chunks: Iterable[Chunk]) -> pa.Table:
    """Chunks as a table."""
    import pyarrow as pa

    rows = []
    for chunk in chunks:
        row: dict[str, Any] = {**DEFAULTS, **json.loads(chunk_to_json(chunk))}
        rows.append({**row, METADATA: json.dumps(row[METADATA], ensure_ascii=False)})
    return pa.Table.from_pylist(rows, schema=chunk_schema())


def chunks_of_table(table: pa.Table | pa.RecordBatch) -> list[Chunk]:
    """The chunks of a table, in their order. Raises InputError where a column is missing."""
    for name in ("id", "text"):
        if name not in table.schema.names:
            raise InputError(f"a table without the column '{name}'", f"columns: {', '.join(COLUMNS)}")
    wanted = [name for name in COLUMNS if name in table.schema.names]
    return [chunk_of(row["id"], row) for row in table.select(wanted).to_pylist()]


def with_vectors(table: pa.Table, vectors: sp.csr_matrix) -> pa.Table:
    """A table of chunks with vectors CSR [n, V] beside them, as plain lists."""
    import pyarrow as pa

    offsets = pa.array(vectors.indptr.astype(np.int32))
    indices = pa.ListArray.from_arrays(offsets, pa.array(vectors.indices.astype(np.int32)))
    values = pa.ListArray.from_arrays(offsets, pa.array(vectors.data.astype(np.float32)))
    return table.append_column(INDICES, indices).append_column(VALUES, values)


def vectors_of_table(table: pa.Table, dimensions: int) -> sp.csr_matrix:
    """CSR float32 [n, V] of a table. Raises InputError for an index that is none of V dimensions."""
    lists = table.column(INDICES).combine_chunks()
    columns = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int32)
    weights = table.column(VALUES).combine_chunks().flatten().to_numpy(zero_copy_only=False)
    sizes = lists.value_lengths().to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    if len(columns) and not 0 <= columns.min() <= columns.max() < dimensions:
        raise InputError(
            f"a vector has the dimension {columns.max()}, the model has {dimensions}",
            "name the model that made the vectors",
        )
    matrix = sp.csr_matrix((weights, columns, starts), shape=(table.num_rows, dimensions))
    return matrix.astype(np.float32)


def parts_of(folder: str | Path) -> list[Path]:
    """The Parquet files of a folder, by name. Raises InputError where there are none."""
    parts = sorted(Path(folder).glob("*.parquet"))
    if not parts:
        raise InputError(f"no Parquet files in {folder}", "write them by write_chunks")
    return parts


def tables_of(part: Path, rows: int) -> Iterator[pa.Table]:
    """A file, some rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(part) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield pa.Table.from_batches([batch])
