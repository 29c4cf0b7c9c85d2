"""LangChain: an index as a retriever, to be asked in turn or asynchronously."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Self

from splade_cli.records import Hit
from splade_cli.search.searcher import Searcher

try:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise ImportError('LangChain is missing: pip install "splade-cli[langchain]"') from error


class SpladeRetriever(BaseRetriever):
    """Documents of the `k` best hits; id, title, score and what the index keeps of a text are metadata.

    An empty query raises InputError, as `Searcher.search` does.
    """

    searcher: Any
    """A `Searcher`, which pydantic would want to look into."""
    k: int = 10
    options: Any = None
    """`SearchOptions`, the searcher's own where None."""

    @classmethod
    def open(cls, index: str | Path, k: int = 10, **settings: Any) -> Self:
        """Of an index folder; `settings` are those of `Searcher.open`."""
        return cls(searcher=Searcher.open(index, **settings), k=k)

    def _get_relevant_documents(
        self, query: str, *, run_manager: Any, k: int | None = None
    ) -> list[Document]:
        return [_document(hit) for hit in self.searcher.search(query, k or self.k, self.options)]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: Any, k: int | None = None
    ) -> list[Document]:
        hits = await asyncio.to_thread(self.searcher.search, query, k or self.k, self.options)
        return [_document(hit) for hit in hits]


def _document(hit: Hit) -> Document:
    facts = {"document_id": hit.document_id, "title": hit.title, "score": hit.score}
    return Document(id=hit.id, page_content=hit.text, metadata={**hit.metadata, **facts})
