"""Relevance tables: CSV or TSV with a line for each pair of query and document, and whether it is relevant.

The columns ``query``, ``document``, ``is_relevant`` and ``explanation`` are those that earlier trainers
wrote. Such a table does not say which negatives belong to which positive: all of a query's negatives go with
each of its positives. `write_table` adds columns that say it, and all else that a training row holds: what it
writes is read back as it was.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.records import Example
from splade_cli.storage.files import open_text, replacing

SUFFIXES = (".csv", ".tsv")
YES = ("1", "1.0", "true", "yes")
"""What a column of labels says of a relevant document."""

_NEEDED = ("query", "document", "is_relevant")
_ROW = "training_row"
"""The number of the training row that a line belongs to."""
_OF_DOCUMENT = ("explanation", "strategy", "teacher_score")
_OF_ROW = ("query_type", "source", "chunk_id")
_COLUMNS = (*_NEEDED, *_OF_DOCUMENT, _ROW, *_OF_ROW)
Cells = Mapping[str, str]
"""The cells of a line by the names of their columns, in small letters."""


def write_table(path: Path, examples: Iterable[Example]) -> None:
    """Writes a line for the positive of each row and for each negative; .tsv has tabs between its cells."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=_delimiter(path))
        writer.writerow(_COLUMNS)
        for number, example in enumerate(examples, 1):
            of_row = (number, example.query_type, example.source, example.chunk_id)
            for position, document in enumerate((example.positive, *example.negatives)):
                said = (
                    _at(example.explanations, position - 1),
                    _at(example.strategies, position - 1),
                    _score(example.scores, position),
                )
                writer.writerow((example.query, document, int(position == 0), *said, *of_row))


def read_table(path: Path) -> list[Example]:
    """The training rows of a table. Raises InputError for a missing column or an empty cell."""
    lines = list(_lines(path))
    if lines and _ROW in lines[0]:
        return list(numbered_examples(lines, path))
    positives: dict[str, list[str]] = {}
    negatives: dict[str, list[Cells]] = {}
    for cells in lines:
        if _is_relevant(cells):
            positives.setdefault(cells["query"], []).append(cells["document"])
        else:
            negatives.setdefault(cells["query"], []).append(cells)
    examples = []
    for query, texts in positives.items():
        for positive in texts:
            examples.append(_example(query, positive, negatives.get(query, [])))
    return examples


def has_table_columns(path: Path) -> bool:
    """Whether a file has the columns that `read_table` needs. Raises InputError where it cannot be read."""
    with open_text(path, newline="") as lines:
        names = next(csv.reader(lines, delimiter=_delimiter(path)), [])
    return {name.strip().lower() for name in names} >= set(_NEEDED)


def is_numbered(columns: Iterable[str]) -> bool:
    """Whether a table says of each line which training row it belongs to, as those of `write_table` do."""
    return {*_NEEDED, _ROW} <= {name.strip().lower() for name in columns}


def numbered_examples(lines: Iterable[Cells], path: Path) -> Iterator[Example]:
    """The training rows of a table that numbers them. Raises InputError for a row without one positive."""
    rows: dict[str, list[Cells]] = {}
    for cells in lines:
        rows.setdefault(cells[_ROW], []).append(cells)
    for number, of_row in rows.items():
        positives = [cells for cells in of_row if _is_relevant(cells)]
        if len(positives) != 1:
            raise InputError(
                f"{path}: row {number} has {len(positives)} relevant documents, not one",
                f"without the column '{_ROW}' the negatives of a query go with all of its positives",
            )
        positive = positives[0]
        negatives = [cells for cells in of_row if cells is not positive]
        scores = _scores([positive, *negatives])
        row = _example(positive["query"], positive["document"], negatives, scores)
        yield _with(row, positive)


def table_cells(row: Mapping[str | None, object]) -> dict[str, str]:
    """A line as `csv.DictReader` has it, by names in small letters; cells beyond the header are left out."""
    cells = {}
    for name, value in row.items():
        if name is not None and not isinstance(value, list):
            cells[name.strip().lower()] = str(value or "")
    return cells


def _lines(path: Path) -> Iterator[Cells]:
    csv.field_size_limit(1 << 30)
    with open_text(path, newline="") as lines:
        reader = csv.DictReader(lines, delimiter=_delimiter(path))
        columns = [name.strip().lower() for name in reader.fieldnames or []]
        for wanted in _NEEDED:
            if wanted not in columns:
                raise InputError(
                    f"{path} has no column '{wanted}', only {columns}", f"columns: {', '.join(_NEEDED)}"
                )
        for number, row in enumerate(reader, 2):
            cells = table_cells(row)
            if not cells["query"].strip() or not cells["document"].strip():
                raise InputError(f"{path}: line {number} has an empty query or document", "fill or remove it")
            yield cells


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix == ".tsv" else ","


def _at(said: Sequence[str], position: int) -> str:
    """What is said of a negative; nothing of the positive, which has none before it."""
    if 0 <= position < len(said):
        return said[position]
    return ""


def _score(scores: Sequence[float] | None, position: int) -> str:
    if scores is None:
        return ""
    return str(round(scores[position], 6))


def _scores(lines: Sequence[Cells]) -> tuple[float, ...] | None:
    """The teacher's scores, None where not every document has one."""
    cells = [line.get("teacher_score", "").strip() for line in lines]
    if not all(cells):
        return None
    try:
        return tuple(float(cell) for cell in cells)
    except ValueError:
        raise InputError(f"a teacher_score is no number: {', '.join(cells)[:100]}", "e.g. 0.75") from None


def _is_relevant(cells: Cells) -> bool:
    return cells["is_relevant"].strip().lower() in YES


def _example(
    query: str, positive: str, negatives: Sequence[Cells], scores: tuple[float, ...] | None = None
) -> Example:
    explanations = tuple(cells.get("explanation", "") for cells in negatives)
    strategies = tuple(cells.get("strategy", "") for cells in negatives)
    return Example(
        query,
        positive,
        tuple(cells["document"] for cells in negatives),
        scores,
        explanations if any(explanations) else (),
        strategies if any(strategies) else (),
    )


def _with(example: Example, cells: Cells) -> Example:
    """The row with what its positive's line says of it as a whole."""
    return replace(
        example,
        query_type=cells.get("query_type", ""),
        source=cells.get("source", ""),
        chunk_id=cells.get("chunk_id", ""),
    )
