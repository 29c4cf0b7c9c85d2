"""LangChain's Milvus store over the embedded server, with our sparse embeddings."""

from __future__ import annotations

from pathlib import Path

import pytest

from splade_cli.model.embedder import SpladeEmbedder


def test_a_store_finds_what_the_model_finds(tmp_path: Path) -> None:
    milvus = pytest.importorskip("langchain_milvus", reason="langchain-milvus is not installed")
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
    from splade_cli.frameworks.langchain_milvus import SpladeSparseEmbedding

    embedder = SpladeEmbedder("tiny", device="cpu", precision="fp32")
    texts = ["The kiln fires clay.", "The loom weaves wool."]
    store = milvus.Milvus.from_texts(
        texts,
        SpladeSparseEmbedding(embedder),
        connection_args={"uri": str(tmp_path / "docs.db")},
        index_params={
            "index_type": "SPARSE_INVERTED_INDEX",
            "metric_type": "IP",
            "params": {"drop_ratio_build": 0},
        },
        search_params={"metric_type": "IP", "params": {}},
        vector_field="sparse",
    )
    found, score = store.similarity_search_with_score("weaving with wool", k=2)[0]
    assert found.page_content == texts[1]
    exact = embedder.encode(["weaving with wool"], "query") @ embedder.encode(texts).T
    assert score == pytest.approx(exact.toarray()[0, 1], rel=1e-4)
