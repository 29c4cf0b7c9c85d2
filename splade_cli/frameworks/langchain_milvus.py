"""LangChain's Milvus store: a model as its sparse embeddings, documents and queries apart."""

from __future__ import annotations

from splade_cli.model.embedder import SparseEmbedding, SpladeEmbedder

try:
    from langchain_milvus.utils.sparse import BaseSparseEmbedding
except ImportError as error:
    raise ImportError('langchain-milvus is missing: pip install "splade-cli[langchain-milvus]"') from error


class SpladeSparseEmbedding(BaseSparseEmbedding):
    """`Milvus(embedding_function=..., index_params={"metric_type": "IP", ...})`."""

    def __init__(self, embedder: SpladeEmbedder | str = "tiny") -> None:
        self.embedder = SpladeEmbedder(embedder) if isinstance(embedder, str) else embedder

    def embed_documents(self, texts: list[str]) -> list[dict[int, float]]:
        """Weights of documents by column."""
        return [_by_column(row) for row in self.embedder.generate_sparse_embeddings(texts)]

    def embed_query(self, query: str) -> dict[int, float]:
        """Weights of a query by column."""
        return _by_column(self.embedder.encode_text(query, "query"))


def _by_column(row: SparseEmbedding) -> dict[int, float]:
    return dict(zip(row["indices"], row["values"], strict=True))
