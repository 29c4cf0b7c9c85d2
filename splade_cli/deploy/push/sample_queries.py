"""Sample queries: what an engine is asked after a push, written from the texts of the index or given."""

from __future__ import annotations

from pathlib import Path

from splade_cli.generation.queries.offline_writer import OfflineWriter
from splade_cli.generation.queries.own_queries import read_own_queries
from splade_cli.index.index import SpladeIndex

QUERIES = 50
LANGUAGE = "english"


def sample_queries(index: SpladeIndex, path: Path | None = None, count: int = QUERIES) -> list[str]:
    """Queries of a file, or one of each of `count` chunks that stand evenly in the index.

    Raises:
        InputError: the file holds none.
    """
    if path is not None:
        return list(read_own_queries(path))
    rows = index.live_rows()
    step = max(1, len(rows) // count)
    chunks = [index.chunks[int(row)] for row in rows[::step][:count]]
    language = LANGUAGE if index.info.bm25 is None else index.info.bm25.language
    writer = OfflineWriter(chunks, language=language, queries_per_chunk=1)
    written = [query.text for chunk in chunks for query in writer.queries_of(chunk)]
    return list(dict.fromkeys(written))
