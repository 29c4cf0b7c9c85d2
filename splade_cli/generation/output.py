"""Training files: train.json and val.json, the same rows as a BEIR folder, and a report."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from splade_cli.corpus.documents import Skipped
from splade_cli.datasets.examples import write_examples
from splade_cli.datasets.formats.trec import write_qrels
from splade_cli.errors import InputError
from splade_cli.generation.judged_queries import JudgedQuery
from splade_cli.generation.negatives import Mined
from splade_cli.generation.query_sources import QuerySource
from splade_cli.records import Example, JsonValue
from splade_cli.storage.checksums import CHECKSUMS, write_checksums
from splade_cli.storage.files import remove_leftovers_in, replacing_folder, write_json, write_jsonl
from splade_cli.storage.outputs import make_folder, output_file, output_folder, sync_folder

WRITTEN = (
    "corpus.jsonl",
    "queries.jsonl",
    "qrels/train.tsv",
    "qrels/val.tsv",
    "val.json",
    "train.json",
    "report.json",
    CHECKSUMS,
)
"""The files of a run, below its output folder, in the order in which they take their places."""
UNFINISHED = ".unfinished"
"""Holds the files, all of them whole, that have not yet taken their places, and goes last of all."""


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


def begin_output(output: Path, force: bool) -> None:
    """Removes what a killed run began in a folder that whoever calls has claimed.

    Raises:
        InputError: files of an earlier run that ended, which are not to be replaced; or no folder can be
            there.
    """
    output_folder(output)
    remove_leftovers_in(output)
    existing = [name for name in WRITTEN if os.path.lexists(output / name)]
    # What a run was about to replace when it was stopped is for the next one to replace.
    if existing and not force and not (output / UNFINISHED).exists():
        raise InputError(
            f"{output / existing[0]} exists already",
            "name another output, or allow replacing it",
            option="force",
        )


def write_training_files(
    output: Path, source: QuerySource, queries: Sequence[MinedQuery], teachers: tuple[str, ...], seed: int
) -> GenerationReport:
    """Writes `WRITTEN` below `output`, whole or not at all, which `end_output` has to end.

    Killed at any point, the same run can be begun again. Each query has an id and a side.
    """
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
    with replacing_folder(output / UNFINISHED) as folder:
        write_jsonl(folder / "corpus.jsonl", source.corpus_rows())
        write_jsonl(folder / "queries.jsonl", (_query_row(each.query) for each in queries))
        write_qrels(folder / "qrels/train.tsv", train_qrels)
        write_qrels(folder / "qrels/val.tsv", val_qrels)
        write_examples(folder / "val.json", val)
        write_examples(folder / "train.json", train)
        write_json(folder / "report.json", report.to_json())
        write_checksums(folder, [name for name in WRITTEN if name != CHECKSUMS])
    for name in WRITTEN:
        place = output_file(output / name)
        make_folder(place.parent)
        os.replace(output / UNFINISHED / name, place)
        sync_folder(place.parent)
    return report


def is_finished(output: Path) -> bool:
    """Whether a run has written all of its files, and nothing of it is left to do."""
    return all((output / name).is_file() for name in WRITTEN) and not (output / UNFINISHED).exists()


def end_output(output: Path) -> None:
    """The last that a run does: it is finished, and another one needs to be told to replace it."""
    shutil.rmtree(output / UNFINISHED)


def _query_row(query: JudgedQuery) -> dict[str, str]:
    return {"_id": query.id, "text": query.text, "type": query.type}
