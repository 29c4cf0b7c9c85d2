"""Sixteen threads on one searcher that nobody has used yet, and on one folder that nobody has opened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk, Hit
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

THREADS = 16
TEXTS = (
    "To reset a forgotten password, open the login page and follow the link in the mail.",
    "Backups run every night at two and are kept for thirty days.",
    "The table saw needs a sharp blade and a riving knife to prevent kickback.",
)
QUERIES = ("forgotten password", "night backups", "sharp saw")


@pytest.fixture(scope="module")
def index(embedder: SpladeEmbedder) -> SpladeIndex:
    chunks = [
        Chunk(f"d{number}#1", f"d{number}", text, metadata={"n": number}) for number, text in enumerate(TEXTS)
    ]
    return index_chunks(chunks, embedder, bm25=True)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What `work(number)` gives in each of THREADS threads that start together."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait(60)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def ids(hits: list[Hit]) -> list[tuple[str, float]]:
    return [(hit.id, round(hit.score, 3)) for hit in hits]


def test_a_fresh_searcher(index: SpladeIndex, embedder: SpladeEmbedder) -> None:
    options = [
        SearchOptions(),
        SearchOptions(mode="bm25", filter="n < 2"),
        SearchOptions(mode="hybrid", idf_exponent=0.5),
        SearchOptions(texts=False, filter="n >= 1"),
    ]
    alone = Searcher.over(index, embedder)
    expected = {
        (query, number): ids(alone.search(query, options=each))
        for query in QUERIES
        for number, each in enumerate(options)
    }
    fresh = Searcher.over(index, SpladeEmbedder("tiny", device="cpu", precision="fp32"))

    def work(thread: int) -> None:
        for turn in range(4):
            query = QUERIES[(thread + turn) % len(QUERIES)]
            number = (thread + turn) % len(options)
            assert ids(fresh.search(query, options=options[number])) == expected[query, number]

    at_once(work)


def test_a_folder_that_all_open(index: SpladeIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index")
    found = at_once(
        lambda number: ids(Searcher.open(tmp_path / "index", device="cpu").search(QUERIES[number % 3], 1))
    )
    assert [hits[0][0] for hits in found] == [f"d{number % 3}#1" for number in range(THREADS)]
