"""Training files: train.json, val.json, test.json if asked for, the same as a BEIR folder, and a report."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.datasets.examples import FORMATS, write_examples
from splade_cli.datasets.formats.trec import write_qrels, write_run
from splade_cli.datasets.teacher_run import TEACHER_RUN
from splade_cli.generation.negatives import Mined
from splade_cli.generation.options import GenerateOptions
from splade_cli.generation.queries.judged_queries import JudgedQuery
from splade_cli.generation.queries.query_sources import QuerySource
from splade_cli.generation.report import GenerationReport
from splade_cli.generation.split import SIDES
from splade_cli.records import Chunk, Example, WrittenNegative
from splade_cli.storage.checksums import CHECKSUMS, recorded_checksums, write_checksums
from splade_cli.storage.files import remove_leftovers_in, replacing_folder, write_json, write_jsonl
from splade_cli.storage.marks import CORPUS, UNFINISHED
from splade_cli.storage.outputs import make_folder, output_file, output_folder, require_no_files, sync_folder


@dataclass(frozen=True)
class MinedQuery:
    """A query, what was mined beside each of its relevant chunks, and what the teachers rank first for it.

    `agreement` says how far they agree, see `teachers.Taught`.
    """

    query: JudgedQuery
    mined: tuple[Mined, ...]
    ranking: Mapping[str, float] = field(default_factory=dict)
    agreement: float | None = None


@dataclass(frozen=True)
class Done:
    """What a report tells of how rows were made: see `GenerationReport`."""

    teachers: tuple[str, ...]
    ranked: int
    written_negatives: Mapping[str, int]
    judged: Mapping[str, int]


def written_files(options: GenerateOptions) -> tuple[str, ...]:
    """The files of a run, below its output folder, in the order in which they take their places."""
    sides = SIDES if options.test_ratio else SIDES[:2]
    qrels = [f"qrels/{side}.tsv" for side in sides]
    rows = [f"{side}.{options.output_format}" for side in sides]
    return (
        CORPUS,
        "queries.jsonl",
        *qrels,
        "rejected.jsonl",
        TEACHER_RUN,
        *rows[1:],
        rows[0],
        "report.json",
        CHECKSUMS,
    )


def begin_output(options: GenerateOptions) -> None:
    """Removes what a killed run began in a folder that whoever calls has claimed.

    Raises:
        InputError: files of an earlier run that ended, which are not to be replaced; or no folder can be
            there.
    """
    output = Path(options.output)
    output_folder(output)
    remove_leftovers_in(output)
    # What a run was about to replace when it was stopped is for the next one to replace.
    require_no_files(output, written_files(options), options.force or (output / UNFINISHED).exists())


def write_training_files(
    options: GenerateOptions,
    source: QuerySource,
    queries: Sequence[MinedQuery],
    done: Done,
) -> GenerationReport:
    """Writes `written_files` below the output, whole or not at all, which `end_output` has to end.

    Killed at any point, the same run can be begun again. Each query has an id and a side. Files of an earlier
    run that this one does not write, such as a test side or another format, go: they would contradict it.
    """
    output = Path(options.output)
    names = written_files(options)
    contents = _Contents(source.corpus.chunks)
    rows: dict[str, list[Example]] = {side: [] for side in SIDES}
    qrels: dict[str, dict[str, Mapping[str, float]]] = {side: {} for side in SIDES}
    for each in queries:
        side = each.query.side or "train"
        qrels[side][each.query.id] = each.query.grades
        rows[side] += [_row(each.query, mined, contents) for mined in each.mined]
    report = _report(options, source, queries, rows, done)
    with replacing_folder(output / UNFINISHED) as folder:
        write_jsonl(folder / CORPUS, source.corpus_rows())
        write_jsonl(folder / "queries.jsonl", (_query_row(each.query) for each in queries))
        write_jsonl(folder / "rejected.jsonl", (each.to_json() for each in source.rejected))
        write_run(folder / TEACHER_RUN, {each.query.id: each.ranking for each in queries}, "teachers")
        for side in SIDES:
            if f"qrels/{side}.tsv" in names:
                write_qrels(folder / f"qrels/{side}.tsv", qrels[side])
                write_examples(folder / f"{side}.{options.output_format}", rows[side])
        write_json(folder / "report.json", report.to_json())
        write_checksums(folder, [name for name in names if name != CHECKSUMS])
    for name in _of_earlier_run(output).difference(names):
        (output / name).unlink(missing_ok=True)
    for name in names:
        place = output_file(output / name)
        make_folder(place.parent)
        os.replace(output / UNFINISHED / name, place)
        sync_folder(place.parent)
    return report


def is_finished(options: GenerateOptions) -> bool:
    """Whether a run has written all of its files, and nothing of it is left to do."""
    output = Path(options.output)
    is_whole = all((output / name).is_file() for name in written_files(options))
    return is_whole and not (output / UNFINISHED).exists()


def end_output(output: Path) -> None:
    """The last that a run does: it is finished, and another one needs to be told to replace it."""
    shutil.rmtree(output / UNFINISHED)


def _query_row(query: JudgedQuery) -> dict[str, str]:
    return {"_id": query.id, "text": query.text, "type": query.type}


class _Contents:
    """Chunks by id, and what a model reads of each: one text however many rows it is in."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.chunks = {chunk.id: chunk for chunk in chunks}
        self._texts: dict[str, str] = {}

    def text(self, chunk_id: str) -> str:
        """The content of a chunk."""
        if chunk_id not in self._texts:
            self._texts[chunk_id] = self.chunks[chunk_id].content
        return self._texts[chunk_id]


def _row(query: JudgedQuery, mined: Mined, contents: _Contents) -> Example:
    positive = contents.chunks[mined.positive]
    negatives = [WrittenNegative(contents.text(chunk_id)) for chunk_id in mined.negatives]
    negatives += mined.written
    explanations: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    if mined.written:
        explanations = tuple(negative.explanation for negative in negatives)
        strategies = tuple(negative.strategy for negative in negatives)
    return Example(
        query.text,
        contents.text(positive.id),
        tuple(negative.text for negative in negatives),
        mined.scores if negatives else None,
        explanations,
        strategies,
        query_type=query.type,
        source=positive.document_id,
        chunk_id=positive.id,
    )


def _report(
    options: GenerateOptions,
    source: QuerySource,
    queries: Sequence[MinedQuery],
    rows: Mapping[str, Sequence[Example]],
    done: Done,
) -> GenerationReport:
    negatives = 0
    for side in rows.values():
        negatives += sum(len(row.negatives) for row in side)
    agreements = [each.agreement for each in queries if each.agreement is not None]
    return GenerationReport(
        documents=len(source.corpus.documents),
        chunks=len(source.corpus.chunks),
        ranked=done.ranked,
        train=len(rows["train"]),
        val=len(rows["val"]),
        test=len(rows["test"]),
        language=source.corpus.language,
        language_certainty=source.corpus.found.certainty,
        language_evidence=source.corpus.found.evidence,
        teachers=done.teachers,
        agreement=None if not agreements else round(sum(agreements) / len(agreements), 4),
        written_negatives=done.written_negatives,
        judged=done.judged,
        query_types=dict(Counter(each.query.type for each in queries)),
        negatives=negatives / sum(map(len, rows.values())),
        dropped=dict(source.rejected.queries),
        dropped_negatives=dict(source.rejected.negatives),
        without=tuple(sorted(options.without)),
        skipped=tuple(source.corpus.skipped),
        seed=options.seed,
    )


def _of_earlier_run(output: Path) -> set[str]:
    """Training files that a run before this one has written, by its checksums."""
    try:
        recorded = recorded_checksums(output)
    except ValueError:
        return set()
    names = {f"{side}.{ending}" for side in SIDES for ending in FORMATS}
    names.update(f"qrels/{side}.tsv" for side in SIDES)
    return names.intersection(recorded)
