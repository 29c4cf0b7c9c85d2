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


SNIPPET = 200
"""Characters shown of a document that no term of the query is in."""


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
        `top_k` hits, best first, or all documents where there are fewer. Those that share no term with the
        query come last, in their order, with a score of 0.
    """
    from splade_cli.model.loaded import LoadedModel

    embedder = SpladeEmbedder.from_loaded(LoadedModel(tokenizer, model, device))
    chunks = [Chunk(str(number), str(number), text) for number, text in enumerate(documents)]
    searcher = Searcher.over(index_chunks(chunks, embedder), embedder, options=SearchOptions(group="off"))
    found = [
        RetrievedDocument(
            rank=hit.rank,
            score=hit.score,
            snippet=hit.snippet,
            document=hit.text,
            index=int(hit.id),
        )
        for hit in searcher.search(query, top_k)
    ]
    matched = {hit["index"] for hit in found}
    others = [number for number in range(len(documents)) if number not in matched]
    for number in others[: max(0, top_k - len(found))]:
        text = documents[number]
        found.append(
            RetrievedDocument(
                rank=len(found) + 1, score=0.0, snippet=text[:SNIPPET], document=text, index=number
            )
        )
    return found
