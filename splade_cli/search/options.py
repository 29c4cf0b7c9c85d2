"""Search options: everything that decides how a query is answered, in one record that travels as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from splade_cli.errors import OptionError, did_you_mean

if TYPE_CHECKING:
    from splade_cli.index.metadata.filters import Filter

PARTS = ("sparse", "bm25", "dense")
AUTO: Final = "auto"
MODES = (AUTO, *PARTS, "hybrid")
Grouping = Literal["auto", "document", "section", "off"]
GROUPINGS: tuple[Grouping, ...] = ("auto", "document", "section", "off")
RERANK_DEPTH = 50
WORDS_BESIDE_MODEL = 0.75
WORDS_BESIDE_BOTH = 0.5
"""What BM25 weighs in a fusion where the sparse model weighs 1, and so do dense vectors where there are some:
chosen by leaving collections out, see docs/experiments.md."""


@dataclass(frozen=True)
class SearchOptions:
    """How to search; as it stands, what `splade search` does without flags.

    Attributes:
        mode: ``sparse``, ``bm25``, ``dense`` or ``hybrid``; ``auto`` is what a measurement found the index
            to be searched best by, else it fuses whatever there is, which ranked better than its best part
            on nearly all collections that were measured.
        filter: what documents must pass, as a tree or as `index.metadata.filters` reads it; None for all.
        idf_exponent: exponent of the corpus IDF on query weights, 0 for none; see `index.vectors.weighting`.
        expansion: a file of rules that add words to queries, see `search.expansion`.
        group: which chunks are one hit: those of a ``document``, or of its ``section`` (by headings, else by
            pages); ``auto`` is a document, but of long ones, and in an index of few, a section. Each folds
            texts that are nearly the same, under one title, as well; ``off`` leaves all apart.
        reranker: name or folder of a cross-encoder, which orders the best `rerank_depth` chunks anew.
        weights: of the parts of a hybrid, or ``rrf`` for reciprocal rank fusion; by default
            `usual_weights`, which ranked better than reciprocal ranks on the collections that were measured.
        explain: hits carry the terms that matched.
        details: hits carry what people read beside: of a fusion the words of BM25 that matched, and what
            other chunks of the same document say.
        texts: hits carry texts, snippets, titles and metadata; without, they are ids, scores and what was
            grouped.

    Raises:
        OptionError: a `group` that is none.
    """

    mode: str = AUTO
    filter: Filter | str | None = None
    idf_exponent: float = 0.0
    expansion: Path | None = None
    group: Grouping = AUTO
    reranker: str | None = None
    rerank_depth: int = RERANK_DEPTH
    weights: Mapping[str, float] | Literal["rrf"] | None = None
    explain: bool = True
    details: bool = False
    texts: bool = True

    def __post_init__(self) -> None:
        if self.group not in GROUPINGS:
            known = ", ".join(GROUPINGS)
            hint = did_you_mean(str(self.group), GROUPINGS) or f"one of {known}"
            raise OptionError(f"hits are folded by {known}, not by '{self.group}'", hint)

    def fusion_weights(self, parts: Collection[str]) -> Mapping[str, float] | None:
        """A weight a part of a hybrid of `parts`; None for reciprocal rank fusion."""
        if self.weights == "rrf":
            return None
        return self.weights or usual_weights(parts)


def usual_weights(parts: Collection[str]) -> dict[str, float]:
    """What each part of a hybrid weighs where nobody says: words less than a model."""
    weights = dict.fromkeys(parts, 1.0)
    if "bm25" in weights:
        weights["bm25"] = WORDS_BESIDE_BOTH if "dense" in weights else WORDS_BESIDE_MODEL
    return weights


DEFAULT = SearchOptions()
