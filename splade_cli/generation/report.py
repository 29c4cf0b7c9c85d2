"""Reports of data generation: what a run would do, what it made, and what it left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from splade_cli.corpus.documents import Skipped
from splade_cli.generation.llm.accounts import CallEstimate, LlmRun
from splade_cli.index.bm25.language import Certainty
from splade_cli.records import JsonValue

LOW_AGREEMENT = 0.18
"""Measured on written queries: BM25 with all-MiniLM-L6-v2 0.25-0.29 on three English collections, with tiny
0.49 and 0.51 on two; on Norwegian articles, which neither was made for, 0.15 and 0.23."""


def doubts_of_rows(agreement: float | None, teachers: Sequence[str]) -> tuple[str, ...]:
    """What follows from how far the teachers of rows agree, see `GenerationReport`."""
    if agreement is None or agreement >= LOW_AGREEMENT:
        return ()
    return (
        f"the teachers ({', '.join(teachers)}) have {agreement:.0%} of their first 20 chunks in common, "
        "25% to 50% are usual: one of them may not read the language of these documents",
    )


@dataclass(frozen=True)
class GenerationReport:
    """What report.json holds.

    Attributes:
        ranked: chunks that the teachers ranked, and negatives come from.
        train, val, test: rows on each side of the split.
        language_certainty, language_evidence: see `index.bm25.language.Language`.
        teachers: what ranked the chunks.
        agreement: the share of its first 20 chunks that one teacher has in common with another, the mean over
            all queries; None for a single teacher.
        query_types: queries by their kind.
        negatives: of a row, on average.
        dropped: queries that were left out, by reason.
        judged: pairs by the grade that a judge gave, and what became of negatives that it graded.
        dropped_negatives: candidates that were not to be negatives, by reason.
        without: filters that were switched off.
        written_negatives: what became of the negatives that a language model was asked for, by outcome.
        skipped: files that could not be read.
    """

    documents: int
    chunks: int
    ranked: int
    train: int
    val: int
    test: int
    language: str
    language_certainty: Certainty
    language_evidence: str
    teachers: tuple[str, ...]
    query_types: Mapping[str, int]
    negatives: float
    dropped: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    seed: int
    written_negatives: Mapping[str, int] = field(default_factory=dict)
    dropped_negatives: Mapping[str, int] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    judged: Mapping[str, int] = field(default_factory=dict)
    agreement: float | None = None

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against trusting the rows, in sentences."""
        return doubts_of_rows(self.agreement, self.teachers)

    def to_json(self) -> dict[str, JsonValue]:
        """Plain JSON values."""
        return {
            **asdict(self),
            "teachers": list(self.teachers),
            "without": list(self.without),
            "skipped": [vars(one) for one in self.skipped],
        }


@dataclass(frozen=True)
class Plan:
    """What `generate` would do.

    Attributes:
        language_certainty, language_evidence: see `index.bm25.language.Language`.
        queries: at most; None where only the writer knows.
        ranked: chunks that the teachers would rank.
        seconds: that writing, encoding and mining would take, by a sample; None where they are few.
        estimate: what the language model would be asked, where there is one.
    """

    documents: int
    skipped: tuple[Skipped, ...]
    chunks: int
    language: str
    language_certainty: Certainty
    language_evidence: str
    queries: int | None
    ranked: int
    seconds: float | None = None
    estimate: CallEstimate | None = None


@dataclass(frozen=True)
class Generated:
    """What `generate` made.

    Attributes:
        output: the folder of the training files.
        report: counts, as report.json has them.
        llm: of the language model that wrote the queries, where one did.
        advice: why there was no dense teacher, and what to do about it; empty where nothing is to be said.
    """

    output: Path
    output_format: str
    report: GenerationReport
    llm: LlmRun | None = None
    advice: str = ""

    @property
    def train_file(self) -> Path:
        """The rows to train on."""
        return self.output / f"train.{self.output_format}"

    @property
    def val_file(self) -> Path:
        """The rows of validation."""
        return self.output / f"val.{self.output_format}"
