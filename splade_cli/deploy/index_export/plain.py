"""Rows as JSONL: text, metadata and vector of each, for programs of one's own."""

from __future__ import annotations

from pathlib import Path

from splade_cli.deploy.index_export.parts import PartWriter, json_line
from splade_cli.deploy.index_export.source import Query, Source
from splade_cli.engines.web.documents import Row, decimal_weights

FILE_BYTES = 256_000_000


def row_body(row: Row, source: Source) -> dict[str, object]:
    """One line: id, text, and a weight for each name."""
    weights = dict(zip(source.names.of(row.columns), decimal_weights(row.weights), strict=True))
    return {"id": row.chunk.id, **row.text, "vector": weights}


def query_body(query: Query, source: Source) -> dict[str, object]:
    """The same of a query."""
    weights = dict(zip(source.names.of(query.columns), decimal_weights(query.weights), strict=True))
    return {"id": query.id, "text": query.text, "vector": weights}


def write_jsonl(source: Source, folder: Path) -> None:
    """``rows/part-*.jsonl``."""
    parts = PartWriter(folder / "rows", ".jsonl", FILE_BYTES)
    for row in source.rows():
        parts.write(json_line(row_body(row, source)))
    parts.close()
    write_queries(source, folder)


def write_queries(source: Source, folder: Path) -> None:
    """``queries.jsonl``, or ``query.jsonl`` with the sample alone."""
    named = "queries.jsonl" if source.queries else "query.jsonl"
    with (folder / named).open("wb") as out:
        for query in source.queries or [source.sample]:
            out.write(json_line(query_body(query, source)))


def text_body(row: Row) -> dict[str, object]:
    """A text without its vector, for formats that have no place for texts."""
    return {"id": row.chunk.id, **row.text}
