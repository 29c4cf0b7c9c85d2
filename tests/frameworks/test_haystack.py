"""Haystack's components in a pipeline, by the real package."""

from __future__ import annotations

from pathlib import Path

import pytest

from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.searcher import Searcher

haystack = pytest.importorskip("haystack", reason="haystack-ai is not installed")

from splade_cli.frameworks.haystack import SpladeDocumentEmbedder, SpladeRetriever, SpladeTextEmbedder  # noqa: E402


def test_a_pipeline_that_is_written_and_read(searcher: Searcher, index_folder: Path) -> None:
    pipeline = haystack.Pipeline()
    pipeline.add_component("search", SpladeRetriever(str(index_folder), top_k=2))
    written = pipeline.dumps()
    assert str(index_folder) in written
    read = haystack.Pipeline.loads(written, allowed_modules=["splade_cli.frameworks.haystack"])
    for each in (pipeline, read):
        found = each.run({"search": {"query": "firing clay"}})["search"]["documents"]
        hits = searcher.search("firing clay", 2)
        assert [(one.id, one.score) for one in found] == [(hit.id, hit.score) for hit in hits]
        assert found[0].meta["document_id"] == "kiln.md"
    one = read.run({"search": {"query": "firing clay", "top_k": 1}})["search"]["documents"]
    assert len(one) == 1


def test_embeddings() -> None:
    embedder = SpladeEmbedder("tiny")
    embedding = SpladeTextEmbedder().run("firing clay")["sparse_embedding"]
    assert embedding.indices == embedder.encode_text("firing clay", "query")["indices"]
    documents = [haystack.Document(content="The kiln fires clay.", meta={"year": 2020})]
    (made,) = SpladeDocumentEmbedder().run(documents)["documents"]
    assert made.meta == {"year": 2020}
    assert made.sparse_embedding.values == embedder.encode_text("The kiln fires clay.")["values"]
    assert documents[0].sparse_embedding is None
