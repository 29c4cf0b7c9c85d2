"""What an index says of itself: the models and settings that made it, for those who search it and add to
it."""

from __future__ import annotations

from dataclasses import dataclass, field

from splade_cli.corpus.chunks import Chunking
from splade_cli.errors import InputError
from splade_cli.index.bm25.fields import TITLE_WEIGHT
from splade_cli.index.vectors.impacts import Impacts
from splade_cli.index.vectors.pruning import Pruning
from splade_cli.records import EncoderInfo, QueryInfo

__all__ = ["Bm25Info", "Chunking", "DenseInfo", "EncoderInfo", "IndexInfo", "QueryInfo"]

MOST = 1 << 31
MOST_TITLES = 100
MODES = ("", "sparse", "bm25", "dense", "hybrid")


@dataclass(frozen=True)
class Bm25Info:
    """The BM25 part of an index.

    Attributes:
        language: whose stop words and stemmer.
        title_weight: how often the words of a title count.
    """

    language: str
    title_weight: int = TITLE_WEIGHT


@dataclass(frozen=True)
class DenseInfo:
    """The dense model of an index, and the width of its vectors; `identity` is a hash of its files, or its
    hub id."""

    model: str
    identity: str = ""
    dimensions: int = 0


@dataclass(frozen=True)
class IndexInfo:
    """What made an index.

    Attributes:
        encoder: the model of the documents' vectors.
        query: how queries are encoded without the model; None where only the model does it.
        bm25: None where the index holds no words.
        dense: None where it holds no dense vectors.
        impacts: what stored weights are counts of; None where they are float32.
        pruning: what is left out of each vector.
        chunking: how documents became rows, for those that are added later; None where unknown.
        numbered: no ids were given, and a row's id spells its number.
        mode: how it is searched where nobody says how, as a measurement chose it; empty fuses all it holds.
    """

    encoder: EncoderInfo = field(default_factory=EncoderInfo)
    query: QueryInfo | None = None
    bm25: Bm25Info | None = None
    dense: DenseInfo | None = None
    impacts: Impacts | None = None
    pruning: Pruning = field(default_factory=Pruning)
    chunking: Chunking | None = None
    numbered: bool = False
    mode: str = ""

    def check(self) -> None:
        """Raises InputError for values that no index has."""
        limits = {
            "tokens of a text": self.encoder.max_seq_length,
            "tokens of a query": None if self.query is None else self.query.max_seq_length,
            "weights of a query": None if self.query is None else self.query.max_active,
            "dimensions of dense vectors": None if self.dense is None else self.dense.dimensions,
        }
        for what, limit in limits.items():
            if limit is not None and not 0 < limit < MOST:
                raise InputError(f"the index says that it has {limit} {what}", "make the index again")
        if self.bm25 is not None and not 0 < self.bm25.title_weight <= MOST_TITLES:
            raise InputError(
                f"the index says that a title counts {self.bm25.title_weight} times in it",
                "make the index again",
            )
        if self.mode not in MODES:
            raise InputError(
                f"the index says that it is searched by {self.mode[:20]!r}", "make the index again"
            )
        if self.chunking is not None:
            self.chunking.check()
