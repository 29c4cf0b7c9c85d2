"""A folder of documents in, training files out: read, chunk, write queries, mine negatives, filter, split.

Writes train.json and val.json, and the same as a BEIR folder (corpus.jsonl, queries.jsonl, qrels/train.tsv, val.tsv).
What a language model was paid for stays in answers.jsonl, what a model encoded in .work/ until all is written.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.errors import InputError, require_positive
from splade_cli.generation.dedupe import copies, query_key
from splade_cli.generation.negatives import Mined, Search, fused, mine
from splade_cli.generation.offline_writer import OfflineWriter
from splade_cli.generation.output import WRITTEN, Generated, Pair, Plan, write_generated
from splade_cli.generation.teachers import bm25_search, dense_search, dense_teacher, sparse_search
from splade_cli.index.bm25.search import guess_language, stop_words
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk, Progress, WrittenQuery, silent

TEACHER_DEPTH = 100
MODEL = "tiny"
DISTILLED = ("sentence", "title")
"""Kinds that may stand in their chunk word for word: they are there for what the teachers rank beside it."""


class Writer(Protocol):
    """Writes queries for chunks: `corpus.queries.OfflineWriter` or `corpus.llm.QueryWriter`."""

    def write(
        self, chunks: Iterable[Chunk], progress: Progress = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]: ...


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
    model: str | SpladeEmbedder | None = "auto",
    teacher: str = "auto",
    queries_per_chunk: int = 4,
    negatives: int = 5,
    round_trip: int = 100,
    device: str = "auto",
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
        model: a sparse model that mines and scores beside BM25; None for none, ``auto`` for tiny where there is no
            dense teacher: beside one it adds nothing.
        teacher: a dense model that does the same: ``auto``, ``none``, or a name, see `rankers.dense_teacher`.
        queries_per_chunk: of the offline writer.
        negatives: a query at most, drawn from the teachers' first twenty.
        device: of the dense teacher, as torch spells it.
        round_trip: a query stays only if its chunk is among the first so many results.
        val_ratio: share of the documents that go to validation, near-duplicates together.
        force: replace files that are there.

    Raises:
        InputError: nothing to read, an option out of range, files in the way, or no query that survives the filters.
        ModelError: a teacher or model that cannot be loaded.
        ServiceError: a language model that cannot be used; its answers so far are kept.
    """
    require_positive(queries_per_chunk=queries_per_chunk, negatives=negatives, round_trip=round_trip)
    output = Path(output_dir)
    check_output(output, val_ratio, force)
    planned = documents if isinstance(documents, Plan) else plan(documents)
    progress("chunk", len(planned.chunks), len(planned.chunks))
    writer = writer or offline_writer(planned, queries_per_chunk, seed)
    # before any query is written: a model that cannot be loaded must not cost a language model's answers
    dense = dense_teacher(teacher, planned.language)
    searches = teacher_searches(planned.chunks, model, dense, device, output / ".work", progress)
    dropped: Counter[str] = Counter()
    pairs = list(_written(writer, planned.chunks, dropped, progress))
    if not pairs:
        raise InputError(
            "no query could be written for these documents", "are they long enough to hold a sentence?"
        )
    mined = _mined(
        pairs, planned.chunks, list(searches.values()), negatives, round_trip, seed, dropped, progress
    )
    if not mined:
        raise InputError(
            f"none of {len(pairs)} queries finds its own chunk again",
            "raise --round-trip, or write better queries",
        )
    made = write_generated(output, planned, mined, tuple(searches), val_ratio, seed, dropped)
    shutil.rmtree(output / ".work", ignore_errors=True)
    return made


def _written(
    writer: Writer, chunks: Sequence[Chunk], dropped: Counter[str], progress: Progress
) -> Iterator[Pair]:
    rows = {chunk.id: row for row, chunk in enumerate(chunks)}
    seen: set[str] = set()
    done = 0
    for done, (chunk, queries) in enumerate(writer.write(chunks), 1):
        for query in queries:
            key = query_key(query.text)
            if key in seen:
                dropped["duplicate"] += 1
            elif query.type not in DISTILLED and copies(query.text, chunk.text):
                dropped["copies the text"] += 1
            else:
                seen.add(key)
                yield Pair(query, rows[chunk.id])
        progress("write queries", done, len(chunks))


def check_output(output: Path, val_ratio: float, force: bool) -> None:
    """Raises InputError for a share that is none, or files that stand in the way."""
    if not 0 <= val_ratio < 1:
        raise InputError(f"--val-ratio must be from 0 to below 1, got {val_ratio}", "0.1 is the default")
    taken = [name for name in WRITTEN if (output / name).exists()]
    if taken and not force:
        raise InputError(
            f"{output / taken[0]} exists already", "choose another -o, or add --force to replace it"
        )


def teacher_searches(
    chunks: Sequence[Chunk],
    model: str | SpladeEmbedder | None,
    dense: str | None,
    device: str,
    work: Path,
    progress: Progress,
) -> dict[str, Search]:
    """The teachers by name; arguments as of `generate_training_data`, `dense` from `rankers.dense_teacher`."""
    searches = {"bm25": bm25_search(chunks)}
    if model == "auto":
        model = None if dense else MODEL
    if model is not None:
        embedder = model if isinstance(model, SpladeEmbedder) else SpladeEmbedder(model)
        searches[embedder.model_dir] = sparse_search(chunks, embedder, work, progress)
    if dense:
        from splade_cli.model.dense import DenseModel
        from splade_cli.model.options import ModelOptions

        encode = DenseModel(dense, ModelOptions(device=device)).encode
        searches[dense] = dense_search(chunks, encode, dense, work, progress)
    return searches


def _mined(
    pairs: Sequence[Pair],
    chunks: Sequence[Chunk],
    searches: Sequence[Search],
    negatives: int,
    round_trip: int,
    seed: int,
    dropped: Counter[str],
    progress: Progress,
) -> list[tuple[Pair, Mined]]:
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
            mined = mine(
                teacher,
                pair.row,
                count=negatives,
                round_trip=round_trip,
                ceiling=None,
                excluded=excluded,
                draw=random.Random(f"{seed}|{pair.query.text}"),
            )
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
