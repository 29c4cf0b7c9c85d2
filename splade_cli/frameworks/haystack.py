"""Haystack: an index as a retriever component, and a model as its sparse embedders.

A pipeline that is read from YAML has to allow this module:
``allowed_modules=["splade_cli.frameworks.haystack"]``.
"""

from __future__ import annotations

from dataclasses import replace

from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.searcher import Searcher

try:
    from haystack import Document, component
    from haystack.dataclasses import SparseEmbedding
except ImportError as error:
    raise ImportError('Haystack is missing: pip install "splade-cli[haystack]"') from error


@component
class SpladeRetriever:
    """Documents of the `top_k` best hits of an index folder, which is opened when first asked."""

    def __init__(self, index: str, top_k: int = 10) -> None:
        self.index = index
        self.top_k = top_k
        self._searcher: Searcher | None = None

    def warm_up(self) -> None:
        """Opens the index and its model."""
        if self._searcher is None:
            self._searcher = Searcher.open(self.index)

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None) -> dict[str, list[Document]]:
        """Documents with scores, best first."""
        self.warm_up()
        assert self._searcher is not None
        found = []
        for hit in self._searcher.search(query, top_k or self.top_k):
            meta = {**hit.metadata, "document_id": hit.document_id, "title": hit.title}
            found.append(Document(id=hit.id, content=hit.text, meta=meta, score=hit.score))
        return {"documents": found}


@component
class SpladeTextEmbedder:
    """The sparse embedding of a query."""

    def __init__(self, model: str = "tiny") -> None:
        self.model = model
        self._embedder = SpladeEmbedder(model)

    @component.output_types(sparse_embedding=SparseEmbedding)
    def run(self, text: str) -> dict[str, SparseEmbedding]:
        """``sparse_embedding`` of `text`."""
        return {"sparse_embedding": SparseEmbedding(**self._embedder.encode_text(text, "query"))}


@component
class SpladeDocumentEmbedder:
    """Documents with the sparse embeddings of their content."""

    def __init__(self, model: str = "tiny") -> None:
        self.model = model
        self._embedder = SpladeEmbedder(model)

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """The same documents with ``sparse_embedding``."""
        rows = self._embedder.generate_sparse_embeddings([document.content or "" for document in documents])
        pairs = zip(documents, rows, strict=True)
        return {"documents": [replace(one, sparse_embedding=SparseEmbedding(**row)) for one, row in pairs]}
