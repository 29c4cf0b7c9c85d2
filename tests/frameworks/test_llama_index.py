"""LlamaIndex's retriever and the sparse functions of its Qdrant store, by the real packages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.searcher import Searcher

pytest.importorskip("llama_index.core", reason="llama-index-core is not installed")

from splade_cli.frameworks.llama_index import SpladeRetriever, sparse_functions


def test_nodes_of_hits(searcher: Searcher, index_folder: Path) -> None:
    retriever = SpladeRetriever(searcher, k=2)
    found = retriever.retrieve("firing clay")
    hits = searcher.search("firing clay", 2)
    assert [(one.node_id, one.score) for one in found] == [(hit.id, hit.score) for hit in hits]
    assert found[0].node.metadata["document_id"] == "kiln.md"
    assert "1,060 degrees" in found[0].text
    again = asyncio.run(retriever.aretrieve("firing clay"))
    assert [one.node_id for one in again] == [one.node_id for one in found]
    assert SpladeRetriever.open(index_folder, k=1).retrieve("wool")[0].node.metadata["title"] == "Loom"


def test_functions_of_the_qdrant_store() -> None:
    stores = pytest.importorskip(
        "llama_index.vector_stores.qdrant", reason="its Qdrant store is not installed"
    )
    import qdrant_client
    from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQueryMode

    embedder = SpladeEmbedder("tiny", device="cpu", precision="fp32")
    documents, queries = sparse_functions(embedder)
    store = stores.QdrantVectorStore(
        "docs",
        client=qdrant_client.QdrantClient(":memory:"),
        enable_hybrid=True,
        sparse_doc_fn=documents,
        sparse_query_fn=queries,
    )
    nodes = [TextNode(text=text) for text in ("The kiln fires clay.", "The loom weaves wool.")]
    index = VectorStoreIndex(
        nodes, storage_context=StorageContext.from_defaults(vector_store=store), embed_model=MockEmbedding(4)
    )
    asked = index.as_retriever(vector_store_query_mode=VectorStoreQueryMode.SPARSE, sparse_top_k=1)
    assert asked.retrieve("weaving with wool")[0].text == "The loom weaves wool."
