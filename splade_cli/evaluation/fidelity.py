"""Fidelity of a query encoder without judgements: known-item search with queries written from chunks.

A query that was written from a chunk should find that chunk; how often and how high it does under two
encoders is an estimate, and judged queries (`evaluate`) are the measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from splade_cli.engines.base import Catalog
from splade_cli.generation.queries.offline_writer import OfflineWriter
from splade_cli.index.bm25.analyzer import stop_words
from splade_cli.index.bm25.language import guess_language
from splade_cli.records import Chunk
from splade_cli.search.opening import carried_encoder
from splade_cli.search.searcher import Searcher

if TYPE_CHECKING:
    from splade_cli.index.index import SpladeIndex
    from splade_cli.model.embedder import SpladeEmbedder

CHUNKS = 100
QUERIES_PER_CHUNK = 2
DEPTH = 10


@dataclass(frozen=True)
class Fidelity:
    """MRR@10 of the chunk that a query was written from, by the `full` and the `other` query encoder.

    `common` is the share of the ten best that both rank; `queries` how many were asked.
    """

    queries: int
    full: float
    other: float
    common: float


def query_fidelity(full: Searcher, other: Searcher) -> Fidelity:
    """Compares two query encoders on up to CHUNKS chunks, evenly spaced.

    Args:
        full, other: over the same engine, which lists what it holds, with texts.
    """
    texts = []
    sources = []
    for text, source in _known_items(full):
        texts.append(text)
        sources.append(source)
    if not texts:
        return Fidelity(0, 0.0, 0.0, 1.0)
    by_full = full.rank(texts, DEPTH).ids
    by_other = other.rank(texts, DEPTH).ids
    shares = [_common(left, right) for left, right in zip(by_full, by_other, strict=True)]
    return Fidelity(len(texts), _mrr(by_full, sources), _mrr(by_other, sources), float(np.mean(shares)))


def carried_fidelity(index: SpladeIndex, embedder: SpladeEmbedder) -> Fidelity:
    """What the query encoder that an index carries loses against the model of its documents."""
    carried = carried_encoder(index)
    assert carried is not None
    by_model = Searcher.over(index, embedder)
    return query_fidelity(by_model, Searcher(by_model.engine, carried))


def _known_items(searcher: Searcher) -> Iterator[tuple[str, str]]:
    """Queries, and the id of the chunk that each was written from."""
    chunks = _sample(searcher)
    language = guess_language([chunk.text for chunk in chunks])
    words = stop_words(language, full=True)
    writer = OfflineWriter(chunks, language=language, stop_words=words, queries_per_chunk=QUERIES_PER_CHUNK)
    for chunk, written in writer.write(chunks):
        for query in written:
            yield query.text, chunk.id


def _sample(searcher: Searcher) -> list[Chunk]:
    ids = list(cast(Catalog, searcher.engine).ids())
    step = max(1, len(ids) // CHUNKS)
    return searcher.engine.fetch(ids[::step][:CHUNKS])


def _common(full: Sequence[str], other: Sequence[str]) -> float:
    """Share of the first ranking that the second has too; two empty ones agree."""
    if not full and not other:
        return 1.0
    return len(set(full) & set(other)) / max(1, len(full))


def _mrr(ranked: Sequence[Sequence[str]], sources: Sequence[str]) -> float:
    values = np.zeros(len(sources))
    for number, (ids, source) in enumerate(zip(ranked, sources, strict=True)):
        if source in ids:
            values[number] = 1 / (ids.index(source) + 1)
    return float(values.mean())
