"""Sample queries: what an engine is asked after a push, written from the texts of the index or given."""

from __future__ import annotations

from pathlib import Path

from splade_cli.deploy.query_file import SHAPE, read_queries
from splade_cli.errors import InputError
from splade_cli.generation.queries.offline_writer import OfflineWriter
from splade_cli.index.index import SpladeIndex

QUERIES = 50
LANGUAGE = "english"


def sample_queries(index: SpladeIndex, path: Path | None = None, count: int = QUERIES) -> list[str]:
    """All queries of a file, each once, or one of each of `count` chunks that stand evenly in the index.

    Raises:
        InputError: the file holds none.
    """
    if path is not None:
        given = list(dict.fromkeys(text for _, text in read_queries(path) if text.strip()))
        if not given:
            raise InputError(f"{path} holds no query", SHAPE, option="queries")
        return given
    rows = index.live_rows()
    step = max(1, len(rows) // count)
    chunks = [index.chunks[int(row)] for row in rows[::step][:count]]
    language = LANGUAGE if index.info.bm25 is None else index.info.bm25.language
    writer = OfflineWriter(chunks, language=language, queries_per_chunk=1)
    written = [query.text for chunk in chunks for query in writer.queries_of(chunk)]
    return list(dict.fromkeys(written))
