"""Mined queries in, training files out: train.json and val.json, and the same as a BEIR folder, with a report.

The split is by document, near-duplicates together. Knows no model and no mining.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splade_cli.corpus.documents import Skipped
from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.datasets.collections import write_qrels
from splade_cli.datasets.examples import write_examples
from splade_cli.files import write_json, write_jsonl
from splade_cli.generation.dedupe import split_groups
from splade_cli.generation.negatives import Mined
from splade_cli.records import Chunk, Document, Example, WrittenQuery

WRITTEN = (
    "train.json",
    "val.json",
    "corpus.jsonl",
    "queries.jsonl",
    "qrels/train.tsv",
    "qrels/val.tsv",
    "report.json",
)


@dataclass(frozen=True)
class Plan:
    """What gen-data is about to work on."""

    documents: list[Document]
    skipped: list[Skipped]
    chunks: list[Chunk]
    language: str


@dataclass
class Generated:
    """What gen-data made: `dropped` counts queries by the reason they were left out."""

    output_dir: Path
    documents: int
    chunks: int
    train: int
    val: int
    language: str
    teachers: tuple[str, ...]
    query_types: dict[str, int]
    negatives: float
    skipped: list[Skipped]
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A query and the row of the chunk that it was written for."""

    query: WrittenQuery
    row: int


def write_generated(
    output: Path,
    planned: Plan,
    mined: Sequence[tuple[Pair, Mined]],
    teachers: tuple[str, ...],
    val_ratio: float,
    seed: int,
    dropped: Counter[str],
) -> Generated:
    """Writes `WRITTEN` below `output`.

    Args:
        mined: what survived, in the order in which queries are numbered.
        teachers: names, for the report.
        dropped: queries that were left out, by reason.
    """
    chunks = planned.chunks
    groups = duplicate_groups([document.text for document in planned.documents])
    in_val = dict(
        zip(
            (document.id for document in planned.documents),
            split_groups(groups, val_ratio, seed),
            strict=True,
        )
    )
    examples: dict[bool, list[Example]] = {False: [], True: []}
    queries: list[dict[str, Any]] = []
    qrels: dict[bool, dict[str, dict[str, int]]] = {False: {}, True: {}}
    for number, (pair, result) in enumerate(mined, 1):
        chunk = chunks[pair.row]
        validation = in_val[chunk.document_id]
        examples[validation].append(
            Example(
                pair.query.text,
                chunk.content,
                tuple(chunks[row].content for row in result.negatives),
                result.scores if result.negatives else None,
                query_type=pair.query.type,
                source=chunk.document_id,
                chunk_id=chunk.id,
            )
        )
        queries.append({"_id": f"q{number}", "text": pair.query.text, "type": pair.query.type})
        qrels[validation][f"q{number}"] = {chunk.id: 1}
    write_jsonl(
        output / "corpus.jsonl",
        (
            {
                "_id": chunk.id,
                "title": "",
                "text": chunk.content,
                "document_id": chunk.document_id,
                **chunk.metadata,
            }
            for chunk in chunks
        ),
    )
    write_jsonl(output / "queries.jsonl", queries)
    write_qrels(output / "qrels/train.tsv", qrels[False])
    write_qrels(output / "qrels/val.tsv", qrels[True])
    write_examples(output / "val.json", examples[True])
    write_examples(output / "train.json", examples[False])
    total = len(mined)
    made = Generated(
        output,
        len(planned.documents),
        len(chunks),
        len(examples[False]),
        len(examples[True]),
        planned.language,
        teachers,
        dict(Counter(pair.query.type for pair, _ in mined)),
        sum(len(one.negatives) for _, one in mined) / total,
        planned.skipped,
        dict(dropped),
    )
    summary = {key: value for key, value in vars(made).items() if key not in ("output_dir", "skipped")}
    write_json(
        output / "report.json", {**summary, "skipped": [vars(one) for one in planned.skipped], "seed": seed}
    )
    return made
