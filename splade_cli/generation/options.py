"""Options of data generation: documents, where queries come from, how negatives are mined and rows split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.corpus.chunks import BY_TOKENS, Chunking
from splade_cli.corpus.options import ReadingOptions
from splade_cli.datasets.examples import FORMATS
from splade_cli.datasets.splits import SplitRatio
from splade_cli.errors import OptionError, require_at_most, require_positive
from splade_cli.generation.judge.options import Judge
from splade_cli.generation.llm.options import MOST_QUERIES, Llm
from splade_cli.generation.queries.kinds import Proportions, check_proportions
from splade_cli.generation.queries.offline_writer import OFFLINE_TYPES
from splade_cli.generation.queries.rejected import CEILING, COPY, DUPLICATE, ROUND_TRIP, check_filters
from splade_cli.model.options import ModelOptions

if TYPE_CHECKING:
    from splade_cli.generation.queries.query_sources import Writer
    from splade_cli.model.embedder import SpladeEmbedder

MAX_QUERIES = 5000
"""Of which training's default recipe reads what is left: 4,000 rows, each once."""
__all__ = ["GenerateOptions", "Judged", "Llm", "Offline", "Rows"]


@dataclass(frozen=True)
class Offline:
    """Queries written from the words of the documents, without a language model.

    Attributes:
        queries_per_chunk: queries wanted of a chunk.
        kinds: in which proportions, of `offline_writer.OFFLINE_TYPES`; its own where empty. A chunk that has
            none of a kind, such as an error message, gets one of the next.
    """

    queries_per_chunk: int = 4
    kinds: Proportions = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises OptionError for a number below 1, or above MOST_QUERIES, and for kinds that cannot be."""
        require_positive(queries_per_chunk=self.queries_per_chunk)
        if self.kinds:
            check_proportions(self.kinds, OFFLINE_TYPES)
        require_at_most(MOST_QUERIES, queries_per_chunk=self.queries_per_chunk)


@dataclass(frozen=True)
class Judged:
    """Human queries with relevance judgements: those of a split of a BEIR folder, which is `documents`.

    A dev or val split beside it becomes the validation side.
    """

    split: str = "train"


@dataclass(frozen=True)
class Rows:
    """Human queries with their positive documents: a file of training rows.

    `documents` are the collection that they are about; the same path takes the texts of the rows alone.
    """

    path: str | Path


@dataclass(frozen=True)
class GenerateOptions:
    """What to make training data from, and how.

    Attributes:
        documents: a file or folder.
        output: the folder for the training files.
        queries: where queries come from; an object with a method ``write`` will do, see
            `queries.query_sources.Writer`.
        max_queries: written at most, of chunks spread evenly over the documents; of a large corpus a sample
            is ranked then, see `corpus.extent`. None writes them for all chunks and ranks all. Judged
            queries, and a writer of your own, are taken whole.
        around: a file of lost queries (`datasets.lost_queries`): queries are written for their documents
            alone, and have as negatives what those were taken for; not with judged queries.
        language: of the queries that are written; that of the documents where None.
        max_documents: read only the first so many; not with judged queries.
        chunking: how documents are cut; those of judged queries stay whole.
        chunk_for: the model whose tokens are counted, where `chunking` counts tokens: that to be trained, or
            one that reads no more than it.
        reading: how large a file may be, how long it may take, and whether links are followed.
        model: a sparse model that mines and scores beside BM25, None for none; ``auto`` is tiny where there
            is no dense teacher: beside one it adds nothing.
        teacher: a dense model that does the same, None for none; ``auto``: see `teachers.dense_teacher`.
        negatives: of a query at most.
        round_trip: a query that was written stays only if its chunk is among the first so many results.
        without: filters that are switched off, of `queries.rejected.FILTERS`.
        judge: a language model that grades written queries with their passages; None for none.
        val_ratio: share of the documents that go to validation, near-duplicates together; of judged queries
            the share of the rows, where the collection has no split for it.
        test_ratio: the same for a test side, which there is where it is above 0.
        output_format: of the training files, one of `datasets.examples.FORMATS`.
        keep_dense: dense vectors stay in the cache at the end, for an index of the same texts.
        seed: the same seed gives the same files.
        force: replace files that are there.
        loading: how models are opened.
    """

    documents: str | Path
    output: str | Path
    queries: Offline | Llm | Judged | Rows | Writer = field(default_factory=Offline)
    max_queries: int | None = MAX_QUERIES
    around: str | Path | None = None
    language: str | None = None
    max_documents: int | None = None
    chunking: Chunking = BY_TOKENS
    chunk_for: str | SpladeEmbedder = "tiny"
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    model: str | SpladeEmbedder | None = "auto"
    teacher: str | None = "auto"
    negatives: int = 5
    round_trip: int = 100
    without: frozenset[str] = frozenset()
    judge: Judge | None = None
    val_ratio: float = 0.1
    test_ratio: float = 0.0
    output_format: str = "json"
    keep_dense: bool = False
    seed: int = 42
    force: bool = False
    loading: ModelOptions = field(default_factory=ModelOptions)

    def __post_init__(self) -> None:
        """Raises OptionError for what cannot be."""
        require_positive(negatives=self.negatives, round_trip=self.round_trip)
        if self.max_queries is not None:
            require_positive(max_queries=self.max_queries)
        known = isinstance(self.queries, Offline | Llm | Judged | Rows)
        if not known and not hasattr(self.queries, "write"):
            raise OptionError(
                f"queries cannot come from a {type(self.queries).__name__}",
                'from Offline(4), Llm("model"), Judged("train"), Rows("rows.jsonl"), or a writer of your own',
            )
        if self.around is not None and isinstance(self.queries, Judged | Rows):
            raise OptionError(
                f"judged queries are taken as they are, not around those of {self.around}",
                "write queries: offline, or by a language model",
            )
        if self.max_documents is not None:
            require_positive(max_documents=self.max_documents)
            if isinstance(self.queries, Judged | Rows):
                raise OptionError(
                    "max_documents does nothing with judged queries", "what they judge is read as a whole"
                )
        check_filters(self.without, self._filters)
        self._check_judge()
        if self.output_format not in FORMATS:
            raise OptionError(f"unknown format '{self.output_format}'", f"one of {', '.join(FORMATS)}")
        if not 0 <= self.val_ratio < 1:
            raise OptionError(
                f"val_ratio must be from 0 to below 1, got {self.val_ratio:g}", "0.1 is the default"
            )
        if not 0 <= self.test_ratio < 1 - self.val_ratio:
            raise OptionError(
                f"test_ratio must leave something to train on, got {self.test_ratio:g} beside a val_ratio of "
                f"{self.val_ratio:g}",
                "0.1 and 0.1 leave 80% of the documents",
            )

    def _check_judge(self) -> None:
        if self.judge is None:
            return
        if self.judge.llm is None and not isinstance(self.queries, Llm):
            raise OptionError(
                "no language model writes the queries that could judge them as well", "name one that judges"
            )
        if isinstance(self.queries, Judged | Rows) and not self.judge.relabel:
            raise OptionError(
                "a judge has nothing to do with judged queries, none of which is rejected",
                "leave it out, or let it grade their negatives",
                option="relabel",
            )

    @property
    def _filters(self) -> tuple[str, ...]:
        """Those that these queries, and the negatives for them, go through."""
        if isinstance(self.queries, Judged | Rows):
            return (CEILING,)
        if isinstance(self.queries, Llm) and self.queries.negatives_per_query:
            return (DUPLICATE, COPY, ROUND_TRIP, CEILING)
        return (DUPLICATE, COPY, ROUND_TRIP)

    @property
    def split_ratio(self) -> SplitRatio:
        """Shares of train, validation and test."""
        return (1 - self.val_ratio - self.test_ratio, self.val_ratio, self.test_ratio)
