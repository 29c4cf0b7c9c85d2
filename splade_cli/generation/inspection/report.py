"""Report of an inspection: what training data holds, what is odd about it, and rows of it to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from splade_cli.records import Example, JsonValue
from splade_cli.reports.histogram import Histogram


@dataclass(frozen=True)
class Lengths:
    """Distribution of the lengths of texts, in words."""

    texts: int
    least: int
    median: float
    mean: float
    p95: float
    most: int
    histogram: Histogram

    @classmethod
    def of(cls, counts: Sequence[int]) -> Lengths | None:
        """Of so many words each; None of no text."""
        if not counts:
            return None
        values = np.asarray(counts)
        return cls(
            texts=len(counts),
            least=int(values.min()),
            median=float(np.median(values)),
            mean=float(values.mean()),
            p95=float(np.percentile(values, 95)),
            most=int(values.max()),
            histogram=Histogram.of(values),
        )


@dataclass(frozen=True)
class Side:
    """One side of a split.

    Attributes:
        name: train, val or test.
        queries, positives: different ones.
        negatives: of all rows together.
        without_negatives: rows that have none; in-batch negatives serve them.
        scored: rows with scores of a teacher.
        kinds: rows by the kind of their query, where it is told.
    """

    name: str
    rows: int
    queries: int
    positives: int
    negatives: int
    without_negatives: int
    scored: int
    kinds: Mapping[str, int]
    query_words: Lengths | None
    positive_words: Lengths | None
    negative_words: Lengths | None


@dataclass(frozen=True)
class Finding:
    """Something that rows should rarely be.

    Attributes:
        what: in words.
        count: rows, or texts, of which it is true.
        examples: where the first of them stand, such as ``train 12``.
    """

    what: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """Lexical overlap of queries and documents, by BM25's terms: stems, stop words left out.

    Attributes:
        rows: that were measured, and whose queries have a term at all.
        positive, negative: mean share of a query's terms that stand in a document.
        all_terms, no_term: rows whose positive has all of them, and none.
    """

    rows: int
    positive: float
    negative: float | None
    all_terms: int
    no_term: int


@dataclass(frozen=True)
class Bm25Hardness:
    """Hardness of negatives by BM25 over the documents of the rows that were measured.

    Attributes:
        negatives: of these rows.
        first: share of rows whose positive scores highest of the row's documents.
        above: share of negatives that score at least as high as the positive.
        no_word: share of negatives with a score of 0.
    """

    rows: int
    negatives: int
    first: float
    above: float
    no_word: float


@dataclass(frozen=True)
class TeacherHardness:
    """Hardness of negatives by the scores that rows bring.

    Attributes:
        rows, negatives: with scores.
        margin: mean of the positive's score less a negative's.
        above: share of negatives that score at least as high as the positive.
        near: share of negatives above 95% of the positive's score, those among them.
    """

    rows: int
    negatives: int
    margin: float
    above: float
    near: float


@dataclass(frozen=True)
class SampleRow:
    """A row to read, and where it stands."""

    where: str
    example: Example


@dataclass(frozen=True)
class Inspection:
    """What `inspect_data` found.

    Attributes:
        source: as it was named.
        language: of the texts, as it was guessed.
        sides: train first.
        faults: of each row that cannot be read: which one, and why.
        removed: rows that are no training rows, by reason.
        findings: what is odd, for whoever is to train on it.
        leaks: what stands on two sides of the split.
        bm25, teacher: hardness of negatives; None without any, or without scores.
        sample: rows drawn to be read.
    """

    source: str
    language: str
    sides: tuple[Side, ...]
    faults: tuple[str, ...] = ()
    removed: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    leaks: tuple[Finding, ...] = ()
    overlap: Overlap | None = None
    bm25: Bm25Hardness | None = None
    teacher: TeacherHardness | None = None
    sample: tuple[SampleRow, ...] = ()

    @property
    def rows(self) -> int:
        """Rows that can be trained on, of all sides."""
        return sum(side.rows for side in self.sides)

    def as_dict(self) -> dict[str, JsonValue]:
        """Plain JSON values."""
        return {"rows": self.rows, **asdict(self)}
