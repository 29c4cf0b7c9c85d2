"""What another query encoder costs an index, without judgements: queries written from its own chunks, both rankings.

A query that was written from a chunk should find that chunk; how often and how high it does under both encoders is an
estimate, and judged queries (`report.evaluate`) are the measure. Knows no terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.generation.offline_writer import OfflineWriter
from splade_cli.index.bm25.search import guess_language, stop_words
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Chunk

CHUNKS, DEPTH = 100, 10
Encode = Callable[[Sequence[str]], sp.csr_matrix]


@dataclass(frozen=True)
class Fidelity:
    """MRR@10 of the chunk that a query was written from, by the `full` and the `other` query encoder.

    `common` is the share of the ten best that both rank; `queries` how many were asked.
    """

    queries: int
    full: float
    other: float
    common: float


def query_fidelity(index: SpladeIndex, full: Encode, other: Encode) -> Fidelity:
    """Compares two query encoders on up to CHUNKS of the index's chunks, evenly spaced.

    Args:
        index: with texts.
        full, other: query texts to CSR [n, V].
    """
    step = max(1, len(index) // CHUNKS)
    numbers = index.live_rows()[::step][:CHUNKS].tolist()
    chunks = [_chunk(index, number) for number in numbers]
    language = guess_language([chunk.text for chunk in chunks])
    writer = OfflineWriter(
        chunks, language=language, stop_words=stop_words(language, full=True), queries_per_chunk=2
    )
    asked = [
        (query.text, number)
        for number, (_, written) in zip(numbers, writer.write(chunks), strict=True)
        for query in written
    ]
    if not asked:
        return Fidelity(0, 0.0, 0.0, 1.0)
    texts, sources = [text for text, _ in asked], np.array([number for _, number in asked])
    found = [index.search_rows(encode(texts), DEPTH)[0] for encode in (full, other)]
    common = [
        len(np.intersect1d(left[left >= 0], right[right >= 0])) for left, right in zip(*found, strict=True)
    ]
    sizes = [(rows >= 0).sum(1) for rows in found]
    # a query for which neither finds anything is one on which they agree
    share = np.where(sizes[0] + sizes[1] == 0, 1.0, common / np.maximum(1, sizes[0]))
    return Fidelity(len(asked), _mrr(found[0], sources), _mrr(found[1], sources), float(share.mean()))


def _chunk(index: SpladeIndex, number: int) -> Chunk:
    row = index.rows[number]
    return Chunk(row["id"], row.get("document_id") or row["id"], row.get("text", ""), row.get("title", ""))


def _mrr(found: NDArray[np.int64], sources: NDArray[np.int64]) -> float:
    places = found == sources[:, None]
    return float(np.where(places.any(1), 1 / (places.argmax(1) + 1), 0.0).mean())
