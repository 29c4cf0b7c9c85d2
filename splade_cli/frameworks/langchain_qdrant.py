"""LangChain's Qdrant store: a model as its sparse embeddings, documents and queries apart."""

from __future__ import annotations

from splade_cli.model.embedder import SpladeEmbedder

try:
    from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
except ImportError as error:
    raise ImportError('langchain-qdrant is missing: pip install "splade-cli[langchain-qdrant]"') from error


class SpladeSparseEmbeddings(SparseEmbeddings):
    """`QdrantVectorStore(sparse_embedding=..., retrieval_mode=RetrievalMode.SPARSE)`; leave IDF out there."""

    def __init__(self, embedder: SpladeEmbedder | str = "tiny") -> None:
        self.embedder = SpladeEmbedder(embedder) if isinstance(embedder, str) else embedder

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Vectors of documents."""
        return [SparseVector(**row) for row in self.embedder.generate_sparse_embeddings(texts)]

    def embed_query(self, text: str) -> SparseVector:
        """The vector of a query."""
        return SparseVector(**self.embedder.encode_text(text, "query"))
