"""Training files: train.json and val.json, the same rows as a BEIR folder, and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from splade_cli.checksums import CHECKSUMS, write_checksums
from splade_cli.corpus.documents import Skipped
from splade_cli.datasets.examples import write_examples
from splade_cli.datasets.formats.trec import write_qrels
from splade_cli.errors import InputError
from splade_cli.files import write_json, write_jsonl
from splade_cli.generation.judged_queries import JudgedQuery
from splade_cli.generation.negatives import Mined
from splade_cli.generation.query_sources import QuerySource
from splade_cli.records import Example, JsonValue

WRITTEN = (
    "train.json",
    "val.json",
    "corpus.jsonl",
    "queries.jsonl",
    "qrels/train.tsv",
    "qrels/val.tsv",
    "report.json",
    CHECKSUMS,
)
"""The files of a run, below its output folder."""


@dataclass(frozen=True)
class MinedQuery:
    """A query with what was mined beside each of its relevant chunks."""

    query: JudgedQuery
    mined: tuple[Mined, ...]


@dataclass(frozen=True)
class GenerationReport:
    """What report.json holds.

    Attributes:
        train, val: rows on either side of the split.
        teachers: what ranked the chunks.
        query_types: queries by their kind.
        negatives: of a row, on average.
        dropped: queries that were left out, by reason.
        skipped: files that could not be read.
    """

    documents: int
    chunks: int
    train: int
    val: int
    language: str
    teachers: tuple[str, ...]
    query_types: Mapping[str, int]
    negatives: float
    dropped: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    seed: int

    def to_json(self) -> dict[str, JsonValue]:
        """Plain JSON values."""
        return {
            **asdict(self),
            "teachers": list(self.teachers),
            "skipped": [vars(one) for one in self.skipped],
        }


def check_output(output: Path, force: bool) -> None:
    """Raises InputError for files of an earlier run that are not to be replaced."""
    existing = [name for name in WRITTEN if (output / name).exists()]
    if existing and not force:
        raise InputError(
            f"{output / existing[0]} exists already",
            "name another output, or allow replacing it",
            option="force",
        )


def write_training_files(
    output: Path, source: QuerySource, queries: Sequence[MinedQuery], teachers: tuple[str, ...], seed: int
) -> GenerationReport:
    """Writes `WRITTEN` below `output`; each query has an id and a side."""
    chunks = {chunk.id: chunk for chunk in source.corpus.chunks}
    train: list[Example] = []
    val: list[Example] = []
    train_qrels: dict[str, Mapping[str, int]] = {}
    val_qrels: dict[str, Mapping[str, int]] = {}
    negatives = 0
    for each in queries:
        query = each.query
        rows = val if query.validation else train
        qrels = val_qrels if query.validation else train_qrels
        qrels[query.id] = query.grades
        for mined in each.mined:
            positive = chunks[mined.positive]
            negatives += len(mined.negatives)
            rows.append(
                Example(
                    query.text,
                    positive.content,
                    tuple(chunks[chunk_id].content for chunk_id in mined.negatives),
                    mined.scores if mined.negatives else None,
                    query_type=query.type,
                    source=positive.document_id,
                    chunk_id=positive.id,
                )
            )
    write_jsonl(output / "corpus.jsonl", source.corpus_rows())
    write_jsonl(output / "queries.jsonl", (_query_row(each.query) for each in queries))
    write_qrels(output / "qrels/train.tsv", train_qrels)
    write_qrels(output / "qrels/val.tsv", val_qrels)
    write_examples(output / "val.json", val)
    write_examples(output / "train.json", train)
    report = GenerationReport(
        documents=len(source.corpus.documents),
        chunks=len(chunks),
        train=len(train),
        val=len(val),
        language=source.corpus.language,
        teachers=teachers,
        query_types=dict(Counter(each.query.type for each in queries)),
        negatives=negatives / (len(train) + len(val)),
        dropped=dict(source.dropped),
        skipped=tuple(source.corpus.skipped),
        seed=seed,
    )
    write_json(output / "report.json", report.to_json())
    write_checksums(output, [name for name in WRITTEN if name != CHECKSUMS])
    return report


def _query_row(query: JudgedQuery) -> dict[str, str]:
    return {"_id": query.id, "text": query.text, "type": query.type}
