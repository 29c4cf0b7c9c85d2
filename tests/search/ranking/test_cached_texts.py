"""What grouping remembers of texts changes no hit, however little it is, and however much is asked for."""

from __future__ import annotations

from typing import Any

from splade_cli.engines.local import LocalEngine
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.records import Chunk
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher

SENTENCE = "the kiln fires clay at one thousand degrees and cools slowly over the whole night"
TEXTS = [SENTENCE, f"{SENTENCE} again", "wool on the loom", "a saw cuts wood", SENTENCE.upper(), ""]


def test_hits_are_the_same_with_little_and_with_much_room(embedder: Any) -> None:
    chunks = [Chunk(f"c{number}", f"d{number}", text) for number, text in enumerate(TEXTS)]
    index = index_chunks(chunks, embedder, bm25=True)
    found = []
    for room in (1, 3, 100_000):
        searcher = Searcher(
            LocalEngine(index), ModelEncoder(embedder), vocabulary=index.vocabulary, cached_texts=room
        )
        hits = searcher.search(["kiln clay", "wool", "saw the clay"] * 2, 6)
        found.append([[(hit.id, hit.score, hit.duplicates) for hit in ranked] for ranked in hits])
    assert found[0] == found[1] == found[2]
    assert any(duplicates for _, _, duplicates in found[0][0]), "nearly the same texts are one hit"
