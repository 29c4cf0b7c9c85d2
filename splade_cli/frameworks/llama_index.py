"""LlamaIndex: an index as a retriever, and a model as the sparse functions of its Qdrant store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise ImportError('LlamaIndex is missing: pip install "splade-cli[llama-index]"') from error

SparseFunction = Callable[[list[str]], tuple[list[list[int]], list[list[float]]]]


class SpladeRetriever(BaseRetriever):
    """Nodes of the `k` best hits with their scores."""

    def __init__(self, searcher: Searcher, k: int = 10, options: SearchOptions | None = None) -> None:
        super().__init__()
        self.searcher = searcher
        self.k = k
        self.options = options

    @classmethod
    def open(cls, index: str | Path, k: int = 10, **settings: Any) -> Self:
        """Of an index folder; `settings` are those of `Searcher.open`."""
        return cls(Searcher.open(index, **settings), k)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        nodes = []
        for hit in self.searcher.search(query_bundle.query_str, self.k, self.options):
            metadata = {**hit.metadata, "document_id": hit.document_id, "title": hit.title}
            nodes.append(
                NodeWithScore(node=TextNode(id_=hit.id, text=hit.text, metadata=metadata), score=hit.score)
            )
        return nodes

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def sparse_functions(embedder: SpladeEmbedder | str = "tiny") -> tuple[SparseFunction, SparseFunction]:
    """`sparse_doc_fn` and `sparse_query_fn` of a `QdrantVectorStore(enable_hybrid=True, ...)`."""
    model = SpladeEmbedder(embedder) if isinstance(embedder, str) else embedder

    def function(kind: str) -> SparseFunction:
        def encode(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
            rows = model.generate_sparse_embeddings(texts, kind)
            return [row["indices"] for row in rows], [row["values"] for row in rows]

        return encode

    return function("document"), function("query")
