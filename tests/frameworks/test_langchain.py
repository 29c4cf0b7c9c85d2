"""LangChain's retriever and sparse embeddings, by the real packages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.searcher import Searcher


@pytest.fixture
def retriever(searcher: Searcher) -> Any:
    pytest.importorskip("langchain_core", reason="langchain-core is not installed")
    from splade_cli.frameworks.langchain import SpladeRetriever

    return SpladeRetriever(searcher=searcher, k=2)


def test_documents_of_hits(retriever: Any, index_folder: Path) -> None:
    found = retriever.invoke("firing clay")
    assert len(found) == 2
    assert found[0].metadata["document_id"] == "kiln.md"
    assert found[0].metadata["title"] == "Kiln"
    assert found[0].metadata["score"] >= found[1].metadata["score"]
    assert "1,060 degrees" in found[0].page_content
    assert [one.id for one in retriever.invoke("firing clay", k=1)] == [found[0].id]
    with pytest.raises(InputError):
        retriever.invoke(" ")
    assert [one.id for one in type(retriever).open(index_folder, k=2).invoke("firing clay")] == [
        one.id for one in found
    ]


def test_asked_asynchronously(retriever: Any) -> None:
    async def both() -> list[Any]:
        return list(await asyncio.gather(retriever.ainvoke("firing clay"), retriever.ainvoke("wool", k=1)))

    clay, wool = asyncio.run(both())
    assert (len(clay), len(wool)) == (2, 1)
    assert clay[0].metadata["document_id"] == "kiln.md"
    assert wool[0].metadata["document_id"] == "loom.md"


def test_in_a_chain(retriever: Any) -> None:
    chain = retriever | (lambda documents: [one.metadata["document_id"] for one in documents])
    assert chain.invoke("squealing brakes")[0] == "bike.md"
    assert [names[0] for names in chain.batch(["firing clay", "wool"])] == ["kiln.md", "loom.md"]


def test_embeddings_for_qdrant() -> None:
    pytest.importorskip("langchain_qdrant", reason="langchain-qdrant is not installed")
    from langchain_qdrant import QdrantVectorStore, RetrievalMode

    from splade_cli.frameworks.langchain_qdrant import SpladeSparseEmbeddings

    embedder = SpladeEmbedder("tiny", device="cpu", precision="fp32")
    texts = ["The kiln fires clay.", "The loom weaves wool."]
    store = QdrantVectorStore.from_texts(
        texts,
        sparse_embedding=SpladeSparseEmbeddings(embedder),
        retrieval_mode=RetrievalMode.SPARSE,
        location=":memory:",
        collection_name="docs",
    )
    found, score = store.similarity_search_with_score("weaving with wool", k=2)[0]
    assert found.page_content == texts[1]
    exact = embedder.encode(["weaving with wool"], "query") @ embedder.encode(texts).T
    assert score == pytest.approx(exact.toarray()[0, 1], rel=1e-5)


def test_embeddings_for_milvus() -> None:
    pytest.importorskip("langchain_milvus", reason="langchain-milvus is not installed")
    from splade_cli.frameworks.langchain_milvus import SpladeSparseEmbedding

    embedder = SpladeEmbedder("tiny", device="cpu", precision="fp32")
    embedding = SpladeSparseEmbedding(embedder)
    (row,) = embedding.embed_documents(["The kiln fires clay."])
    wanted = embedder.encode(["The kiln fires clay."]).toarray()[0]
    assert set(row) == set(np.flatnonzero(wanted).tolist())
    assert all(row[column] == pytest.approx(wanted[column]) for column in row)
    asked = embedder.encode(["clay"], "query").toarray()[0]
    assert set(embedding.embed_query("clay")) == set(np.flatnonzero(asked).tolist())
