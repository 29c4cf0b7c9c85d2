"""Rows for Anserini, which has Lucene count them as impacts: whole numbers, in its ``JsonVectorCollection``.

A query is a line of topics in which each name is repeated as often as it weighs.
"""

from __future__ import annotations

from pathlib import Path

from splade_cli.deploy.index_export.parts import PartWriter, json_line
from splade_cli.deploy.index_export.plain import FILE_BYTES, text_body
from splade_cli.deploy.index_export.source import Query, Source
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.documents import Row

LIMITS = Limits("Anserini", negative=False)


def vector_body(row: Row, source: Source) -> dict[str, object]:
    """One document of the collection."""
    weights = source.whole(row.weights).tolist()
    return {
        "id": row.chunk.id,
        "contents": "",
        "vector": dict(zip(source.names.of(row.columns), weights, strict=True)),
    }


def topic_line(query: Query, source: Source) -> str:
    """One topic, ``id<TAB>names``."""
    weights = source.whole(query.weights).tolist()
    words: list[str] = []
    for name, weight in zip(source.names.of(query.columns), weights, strict=True):
        words += [name] * weight
    return f"{query.id}\t{' '.join(words)}\n"


def write_anserini(source: Source, folder: Path) -> None:
    """``vectors/part-*.jsonl``, ``topics.tsv``, and ``texts/part-*.jsonl``, which Anserini does not read."""
    vectors = PartWriter(folder / "vectors", ".jsonl", FILE_BYTES)
    texts = PartWriter(folder / "texts", ".jsonl", FILE_BYTES)
    for row in source.rows():
        vectors.write(json_line(vector_body(row, source)))
        texts.write(json_line(text_body(row)))
    vectors.close()
    texts.close()
    write_topics(source, folder)


def write_topics(source: Source, folder: Path) -> None:
    """``topics.tsv``."""
    with (folder / "topics.tsv").open("w", encoding="utf-8") as out:
        for query in source.queries or [source.sample]:
            out.write(topic_line(query, source))
