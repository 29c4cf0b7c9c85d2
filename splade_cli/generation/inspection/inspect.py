"""Inspection of training data: any file or folder of rows validated and described, with rows to read."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from splade_cli.corpus.near_duplicates import words
from splade_cli.errors import InputError
from splade_cli.generation.inspection.hardness import bm25_hardness, compared, overlap, teacher_hardness
from splade_cli.generation.inspection.repeats import leaks, near_positives, repeats
from splade_cli.generation.inspection.report import Inspection, Lengths, SampleRow, Side
from splade_cli.generation.inspection.rows import Row, read_rows
from splade_cli.index.bm25.language import guess_language
from splade_cli.progress import Progress, bars

MOST_MEASURED = 5000
"""Rows of which words and BM25 scores are compared; of more, so many are drawn."""


def inspect_data(
    source: str | Path, *, sample: int = 20, seed: int = 42, progress: Progress | None = None
) -> Inspection:
    """Reads training rows, all of them, and describes what is in them.

    Rows that cannot be read do not end it: `Inspection.faults` has each with its number. Words and BM25 are
    measured on `MOST_MEASURED` rows at most, drawn by `seed`.

    Args:
        source: a training file in any of its shapes, a folder with train, val and test, a BEIR folder, or the
            id of a dataset on the hub.
        sample: rows to be read by a person, drawn by `seed`.
        progress: told how far it is; a bar a stage where None.

    Raises:
        InputError: nothing there, no file of rows at all, or a negative `sample`.
    """
    if sample < 0:
        raise InputError(f"{sample} rows cannot be shown", "0 shows none", option="rows")
    with bars(progress) as shown:
        return _inspected(str(source), sample, seed, shown)


def _inspected(source: str, sample: int, seed: int, progress: Progress) -> Inspection:
    read = read_rows(source, progress)
    rows = read.all
    sides = tuple(_side(name, of_side) for name, of_side in read.rows.items())
    if not rows:
        return Inspection(source, "unknown", sides, tuple(read.faults), dict(read.removed))
    language = guess_language([text for row in rows for text in (row.example.query, row.example.positive)])
    measured = [row.example for row in _drawn(rows, MOST_MEASURED, seed)]
    pairs = compared(measured, language)
    progress("compare words", len(measured), len(measured))
    findings = repeats(rows)
    groups, near = near_positives(rows)
    if near is not None:
        findings.append(near)
    progress("compare texts", len(rows), len(rows))
    return Inspection(
        source=source,
        language=language,
        sides=sides,
        faults=tuple(read.faults),
        removed=dict(read.removed),
        findings=tuple(findings),
        leaks=tuple(leaks(read.rows, groups)),
        overlap=overlap(pairs),
        bm25=bm25_hardness(pairs),
        teacher=teacher_hardness([row.example for row in rows]),
        sample=tuple(SampleRow(row.where, row.example) for row in _drawn(rows, sample, seed)),
    )


def _drawn(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """So many of the rows, in their order."""
    if len(rows) <= count:
        return list(rows)
    numbers = sorted(random.Random(seed).sample(range(len(rows)), count))
    return [rows[number] for number in numbers]


def _side(name: str, rows: Sequence[Row]) -> Side:
    queries = [row.example.query for row in rows]
    positives = [row.example.positive for row in rows]
    negatives = [text for row in rows for text in row.example.negatives]
    kinds = Counter(row.example.query_type for row in rows if row.example.query_type)
    return Side(
        name=name,
        rows=len(rows),
        queries=len(set(queries)),
        positives=len(set(positives)),
        negatives=len(negatives),
        without_negatives=sum(not row.example.negatives for row in rows),
        scored=sum(row.example.scores is not None for row in rows),
        kinds=dict(kinds.most_common()),
        query_words=Lengths.of(_word_counts(queries)),
        positive_words=Lengths.of(_word_counts(positives)),
        negative_words=Lengths.of(_word_counts(negatives)),
    )


def _word_counts(texts: Sequence[str]) -> list[int]:
    counted: dict[str, int] = {}
    for text in texts:
        if text not in counted:
            counted[text] = len(words(text))
    return [counted[text] for text in texts]
