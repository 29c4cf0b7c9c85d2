"""The retriever protocol: query texts to hits, whether by a searcher in this process or over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from splade_cli.records import Hit
from splade_cli.search.options import SearchOptions


class Retriever(Protocol):
    """Answers queries in batches; what evaluation measures and a session talks to."""

    def search(
        self, queries: Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[list[Hit]]:
        """The `k` best hits of each query, best first; the retriever's own options where None are given."""
