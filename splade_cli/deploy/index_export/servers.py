"""Rows for OpenSearch, Elasticsearch, Qdrant and Vespa: the bodies of their requests, in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from splade_cli.deploy.index_export.parts import PartWriter, json_bytes, json_line, write_pretty
from splade_cli.deploy.index_export.plain import FILE_BYTES
from splade_cli.deploy.index_export.source import Query, Source
from splade_cli.engines.web.lucene import bodies as lucene
from splade_cli.engines.web.lucene import elasticsearch, opensearch
from splade_cli.engines.web.qdrant import bodies as qdrant
from splade_cli.engines.web.vespa import bodies as vespa
from splade_cli.engines.web.vespa.application import application

Body = dict[str, Any]
HITS = 10


def write_opensearch(source: Source, folder: Path) -> None:
    """An index of ``rank_features``: ``mapping.json``, ``bulk/part-*.ndjson``, ``query.json``."""
    index = opensearch.index_body(len(source.facts.fields))
    _write_lucene(source, folder, index, opensearch.search_body)


def write_seismic(source: Source, folder: Path) -> None:
    """The same with a field of approximate search."""
    index = opensearch.seismic_index_body(len(source.facts.fields), source.checked.weight)
    _write_lucene(source, folder, index, opensearch.seismic_search_body)


def write_elasticsearch(source: Source, folder: Path) -> None:
    """The same with a ``sparse_vector``, unpruned."""
    index = elasticsearch.index_body(len(source.facts.fields))
    _write_lucene(source, folder, index, elasticsearch.search_body)


def _write_lucene(source: Source, folder: Path, index: Body, search_body: Callable[..., Body]) -> None:
    if source.is_searchable:
        index["mappings"].update(lucene.meta_body(source.facts.to_json()))
    write_pretty(folder / "mapping.json", index)
    parts = PartWriter(folder / "bulk", ".ndjson")
    for row in source.rows():
        parts.write(lucene.bulk_lines(row.chunk.id, lucene.document_body(row, source.names)).encode())
    parts.close()

    def body(query: Query) -> Body:
        return search_body(query.columns, query.weights, HITS, names=source.names)

    write_queries(source, folder, body)


def write_qdrant(source: Source, folder: Path) -> None:
    """``collection.json``, ``points/part-*.json``, ``query.json``."""
    write_pretty(folder / "collection.json", qdrant.collection_body())
    parts = PartWriter(folder / "points", ".json", before=b'{"points":[', between=b",\n", after=b"]}\n")
    for row in source.rows():
        parts.write(json_bytes(qdrant.point(row)))
    parts.write(json_bytes(qdrant.facts_point(source.facts.to_json())))
    parts.close()
    write_queries(source, folder, lambda query: qdrant.search_body(query.columns, query.weights, HITS))


def write_vespa(source: Source, folder: Path) -> None:
    """An application package, ``feed/part-*.jsonl``, ``query.json``."""
    for name, content in application().items():
        path = folder / "application" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    parts = PartWriter(folder / "feed", ".jsonl", FILE_BYTES)
    for row in source.rows():
        parts.write(json_line(vespa.document_body(row, source.names)))
    if source.is_searchable:
        parts.write(json_line(vespa.facts_body(source.facts.to_json())))
    parts.close()

    def body(query: Query) -> Body:
        return vespa.search_body(query.columns, query.weights, HITS, names=source.names)

    write_queries(source, folder, body)


def write_queries(source: Source, folder: Path, body: Callable[[Query], Body]) -> None:
    """``query.json``, the body of a search; ``queries.jsonl`` with all that were given, one a line."""
    write_pretty(folder / "query.json", body(source.sample))
    if source.queries:
        with (folder / "queries.jsonl").open("wb") as out:
            for query in source.queries:
                out.write(json_line({"id": query.id, "text": query.text, "body": body(query)}))
