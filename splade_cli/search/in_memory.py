"""Retrieval over a list of texts in memory, with a loaded model: no index folder, no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

if TYPE_CHECKING:
    from splade_cli.model.device import Device
    from splade_cli.model.loaded import PreTrainedTokenizerBase
    from splade_cli.model.splade.encoder import SpladeModel


class RetrievedDocument(TypedDict):
    """A hit: `document` is the text, `index` its number in the list, `rank` starts at 1."""

    rank: int
    score: float
    snippet: str
    document: str
    index: int


def retrieve_documents(
    query: str,
    documents: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    model: SpladeModel,
    device: Device,
    top_k: int = 3,
) -> list[RetrievedDocument]:
    """Ranks `documents` for one query with a model from `load_splade_model`.

    Returns:
        Hits, best first; fewer than `top_k` where fewer match.
    """
    from splade_cli.model.loaded import LoadedModel

    embedder = SpladeEmbedder.from_loaded(LoadedModel(tokenizer, model, device))
    chunks = [Chunk(str(number), str(number), text) for number, text in enumerate(documents)]
    searcher = Searcher.over(index_chunks(chunks, embedder), embedder, options=SearchOptions(group=False))
    return [
        RetrievedDocument(
            rank=hit.rank,
            score=hit.score,
            snippet=hit.snippet,
            document=hit.text,
            index=int(hit.id),
        )
        for hit in searcher.search(query, top_k)
    ]
