"""Retrieval over a list of texts in memory, with a loaded model: no index folder, no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from splade_cli.index.index import SpladeIndex
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

if TYPE_CHECKING:
    from splade_cli.model.splade.encoder import SpladeModel


def retrieve_documents(
    query: str, documents: Sequence[str], tokenizer: Any, model: SpladeModel, device: Any, top_k: int = 3
) -> list[dict[str, Any]]:
    """Ranks `documents` for one query with a model from `load_splade_model`.

    Returns:
        ``{"rank", "score", "snippet", "document", "index"}`` a hit, best first; fewer than `top_k` where
        fewer match.
    """
    from splade_cli.model.loaded import LoadedModel

    embedder = SpladeEmbedder.from_loaded(LoadedModel(tokenizer, model, device))
    index = SpladeIndex.from_vectors(
        embedder.encode(documents),
        texts=documents,
        vocabulary=embedder.vocabulary,
        encoder=embedder.description,
    )
    searcher = Searcher.over(index, embedder, options=SearchOptions(group=False))
    return [
        {
            "rank": hit.rank,
            "score": hit.score,
            "snippet": hit.snippet,
            "document": hit.text,
            "index": int(hit.id),
        }
        for hit in searcher.search(query, top_k)
    ]
