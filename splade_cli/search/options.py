"""How to search: one record of settings, from flags to the searcher. Knows no index and no model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splade_cli.search.ranker import PARTS
from splade_cli.search.rerank import TOP


@dataclass(frozen=True)
class How:
    """How to search.

    Attributes:
        mode: ``sparse``, ``bm25``, ``dense`` or ``hybrid``.
        filter: what documents must pass, see `index.metadata.filter_parser.parse_filter`; None for all.
        alpha: exponent of the corpus IDF on query weights, 0 for none; see `index.weighting`.
        expansions: a file of rules that add words to queries, see `search.expansion`.
        fold: windows of one document become one hit, and texts that are nearly the same another.
        reranker: a cross-encoder's name or folder, which orders the best `rerank_top` rows anew.
        weights: of the parts of a hybrid, or ``rrf`` for reciprocal ranks; by default all parts weigh the same, which
            ranked better than reciprocal ranks on the collections that were measured.
        backend: finds rows by sparse vectors in place of the exact engine, see `index.backends`.
    """

    mode: str = "sparse"
    filter: str | None = None
    alpha: float = 0.0
    expansions: Path | None = None
    fold: bool = False
    reranker: str | None = None
    rerank_top: int = TOP
    weights: dict[str, float] | Literal["rrf"] | None = None
    backend: str | None = None

    @property
    def fusion_weights(self) -> dict[str, float] | None:
        """A weight a part, None for reciprocal ranks."""
        if self.weights == "rrf":
            return None
        return self.weights or dict.fromkeys(PARTS, 1.0)
