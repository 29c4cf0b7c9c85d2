"""A folder of documents in, training files out: read, chunk, write queries, mine negatives, filter, split.

Writes train.json and val.json, and the same as a BEIR folder (corpus.jsonl, queries.jsonl, qrels/train.tsv, val.tsv).
What a language model was paid for stays in answers.jsonl, what a model encoded in .work/ until all is written.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.collections import write_qrels
from splade_cli.corpus.dataset import write_examples
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.corpus.filters import copies, duplicate_groups, query_key, split_groups
from splade_cli.corpus.negatives import Mined, Search, fused, mine
from splade_cli.corpus.queries import OfflineWriter
from splade_cli.errors import InputError, require_positive
from splade_cli.index.lexical import Bm25, guess_language, stop_words
from splade_cli.records import Chunk, Document, Example, Progress, WrittenQuery, silent, write_json, write_jsonl
from splade_cli.search.encoder import SpladeEmbedder
from splade_cli.search.indexing import index_chunks

TEACHER_DEPTH = 100
WRITTEN = ("train.json", "val.json", "corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/val.tsv", "report.json")


class Writer(Protocol):
    """Writes queries for chunks: `corpus.queries.OfflineWriter` or `corpus.llm.QueryWriter`."""

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]: ...


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
    query_types: dict[str, int]
    negatives: float
    skipped: list[Skipped]
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    query: WrittenQuery
    row: int


def plan(
    documents: str | Path, *, max_documents: int | None = None, language: str | None = None, **chunking: Any
) -> Plan:
    """Reads and chunks, and nothing else. Raises InputError as reading and chunking do."""
    reading = read_documents(Path(documents), max_documents=max_documents)
    chunks = split_documents(reading.documents, **chunking)
    texts = [chunk.text for chunk in chunks]
    return Plan(reading.documents, reading.skipped, chunks, language or guess_language(texts))


def offline_writer(planned: Plan, queries_per_chunk: int, seed: int) -> OfflineWriter:
    """The query writer that needs no language model."""
    return OfflineWriter(
        planned.chunks,
        language=planned.language,
        stop_words=stop_words(planned.language, full=True),
        queries_per_chunk=queries_per_chunk,
        seed=seed,
    )


def generate_training_data(
    documents: str | Path | Plan,
    output_dir: str | Path,
    *,
    writer: Writer | None = None,
    model: str | SpladeEmbedder | None = "tiny",
    queries_per_chunk: int = 4,
    negatives: int = 5,
    round_trip: int = 10,
    val_ratio: float = 0.1,
    seed: int = 42,
    force: bool = False,
    progress: Progress = silent,
) -> Generated:
    """Makes training data from documents.

    Args:
        documents: a file, a folder, or a `plan`.
        output_dir: where the files go.
        writer: writes the queries; the offline one by default.
        model: mines negatives and scores beside BM25; None for BM25 alone.
        queries_per_chunk: of the offline writer.
        negatives: hard negatives a query at most.
        round_trip: a query stays only if its chunk is among the first so many results.
        val_ratio: share of the documents that go to validation, near-duplicates together.
        force: replace files that are there.

    Raises:
        InputError: nothing to read, an option out of range, files in the way, or no query that survives the filters.
        ServiceError: a language model that cannot be used; its answers so far are kept.
    """
    require_positive(queries_per_chunk=queries_per_chunk, negatives=negatives, round_trip=round_trip)
    if not 0 <= val_ratio < 1:
        raise InputError(f"--val-ratio must be from 0 to below 1, got {val_ratio}", "0.1 is the default")
    output = Path(output_dir)
    taken = [name for name in WRITTEN if (output / name).exists()]
    if taken and not force:
        raise InputError(f"{output / taken[0]} exists already", "choose another -o, or add --force to replace it")
    planned = documents if isinstance(documents, Plan) else plan(documents)
    progress("chunk", len(planned.chunks), len(planned.chunks))
    writer = writer or offline_writer(planned, queries_per_chunk, seed)
    # before any query is written: a model that cannot be loaded must not cost a language model's answers
    searches = _searches(planned.chunks, model, output / ".work", progress)
    dropped: Counter[str] = Counter()
    pairs = list(_written(writer, planned.chunks, dropped, progress))
    if not pairs:
        raise InputError("no query could be written for these documents", "are they long enough to hold a sentence?")
    mined = _mined(pairs, planned.chunks, searches, negatives, round_trip, dropped, progress)
    if not mined:
        raise InputError(
            f"none of {len(pairs)} queries finds its own chunk again", "raise --round-trip, or write better queries"
        )
    made = _write(output, planned, mined, val_ratio, seed, dropped)
    shutil.rmtree(output / ".work", ignore_errors=True)
    return made


def _written(writer: Writer, chunks: Sequence[Chunk], dropped: Counter[str], progress: Progress) -> Iterator[_Pair]:
    rows = {chunk.id: row for row, chunk in enumerate(chunks)}
    seen: set[str] = set()
    done = 0
    for done, (chunk, queries) in enumerate(writer.write(chunks), 1):
        for query in queries:
            key = query_key(query.text)
            if key in seen:
                dropped["duplicate"] += 1
            elif copies(query.text, chunk.text):
                dropped["copies the text"] += 1
            else:
                seen.add(key)
                yield _Pair(query, rows[chunk.id])
        progress("write queries", done, len(chunks))


def _searches(
    chunks: Sequence[Chunk], model: str | SpladeEmbedder | None, work: Path, progress: Progress
) -> list[Search]:
    searches: list[Search] = [Bm25([chunk.content for chunk in chunks]).search]
    if model is not None:
        embedder = model if isinstance(model, SpladeEmbedder) else SpladeEmbedder(model)
        index = index_chunks(chunks, embedder, work / "vectors", progress)
        searches.append(lambda queries, k: index.search(embedder.encode(queries, "query"), k))
    return searches


def _mined(
    pairs: Sequence[_Pair],
    chunks: Sequence[Chunk],
    searches: Sequence[Search],
    negatives: int,
    round_trip: int,
    dropped: Counter[str],
    progress: Progress,
) -> list[tuple[_Pair, Mined]]:
    depth = min(TEACHER_DEPTH, len(chunks))
    copies_of: dict[str, list[int]] = {}
    for row, chunk in enumerate(chunks):
        copies_of.setdefault(chunk.text, []).append(row)
    found = []
    for start in range(0, len(pairs), 256):
        part = pairs[start : start + 256]
        rankings = [search([pair.query.text for pair in part], depth) for search in searches]
        for place, pair in enumerate(part):
            teacher = fused([(rows[place], scores[place]) for rows, scores in rankings])
            excluded = frozenset(copies_of[chunks[pair.row].text]) | _overlapping(chunks, pair.row)
            mined = mine(teacher, pair.row, count=negatives, round_trip=round_trip, excluded=excluded)
            if mined is None:
                dropped["does not find its chunk"] += 1
            else:
                found.append((pair, mined))
        progress("mine negatives", min(start + 256, len(pairs)), len(pairs))
    return found


def _overlapping(chunks: Sequence[Chunk], row: int) -> frozenset[int]:
    """Neighbours in the same document that share text with `row`."""
    here = chunks[row]
    near = (number for number in (row - 1, row + 1) if 0 <= number < len(chunks))
    return frozenset(
        number
        for number in near
        if chunks[number].document_id == here.document_id
        and chunks[number].start < here.end
        and here.start < chunks[number].end
    )


def _write(
    output: Path,
    planned: Plan,
    mined: Sequence[tuple[_Pair, Mined]],
    val_ratio: float,
    seed: int,
    dropped: Counter[str],
) -> Generated:
    chunks = planned.chunks
    groups = duplicate_groups([document.text for document in planned.documents])
    in_val = dict(
        zip((document.id for document in planned.documents), split_groups(groups, val_ratio, seed), strict=True)
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
            {"_id": chunk.id, "title": "", "text": chunk.content, "document_id": chunk.document_id, **chunk.metadata}
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
        dict(Counter(pair.query.type for pair, _ in mined)),
        sum(len(one.negatives) for _, one in mined) / total,
        planned.skipped,
        dict(dropped),
    )
    summary = {key: value for key, value in vars(made).items() if key not in ("output_dir", "skipped")}
    write_json(output / "report.json", {**summary, "skipped": [vars(one) for one in planned.skipped], "seed": seed})
    return made
