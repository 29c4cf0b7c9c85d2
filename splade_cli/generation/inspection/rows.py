"""Rows of training data with their numbers, side by side of the split; rows that cannot be read are told.

A training file is read as `splade train --train-file` does, everything else as a dataset of its settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.datasets.catalog import DatasetPart
from splade_cli.datasets.columns import RowReader
from splade_cli.datasets.examples import FORMATS, json_rows
from splade_cli.datasets.formats.relevance_table import SUFFIXES, has_table_columns, read_table
from splade_cli.datasets.sources import open_tables
from splade_cli.datasets.training_rows import examples_of
from splade_cli.errors import InputError
from splade_cli.generation.split import SIDES
from splade_cli.progress import Progress
from splade_cli.records import Example


@dataclass(frozen=True)
class Row:
    """A training row and where it stands.

    Attributes:
        number: in its file, from 1; of a table, among its training rows.
    """

    side: str
    number: int
    example: Example

    @property
    def where(self) -> str:
        """``train 12``."""
        return f"{self.side} {self.number}"


@dataclass
class ReadRows:
    """What was read.

    Attributes:
        rows: by side, one of ``train``, ``val`` and ``test``; a single file is ``train``.
        faults: of each row that cannot be read: which one, and why.
        removed: rows that are no training rows, by reason, e.g. pairs that are labelled as not relevant.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)

    @property
    def all(self) -> list[Row]:
        """The rows of all sides."""
        return [row for rows in self.rows.values() for row in rows]


def read_rows(source: str, progress: Progress) -> ReadRows:
    """The rows of a file, of a folder of train, val and test, of a BEIR folder or of a hub id.

    Raises:
        InputError: nothing there, what is no file of rows at all, or not a single row.
    """
    read = ReadRows()
    path = Path(source).expanduser()
    files = _training_files(path)
    for side, file in files.items():
        rows = [Row(side, number, example) for number, example in _rows_of_file(file, read)]
        read.rows[side] = rows
        progress(f"read {side}", len(rows), len(rows))
    if not files:
        part = DatasetPart(source)
        tables = open_tables(source, to_train=False)
        reader = RowReader(path.name, part, read.removed, read.faults)
        for side in SIDES:
            if side in tables:
                examples = reader.examples(tables[side])
                read.rows[side] = [Row(side, number, each) for number, each in enumerate(examples, 1)]
                progress(f"read {side}", len(examples), len(examples))
    if not read.all and not read.faults:
        removed = ", ".join(f"{count} {reason}" for reason, count in read.removed.items())
        raise InputError(
            f"{source} holds no training row{': ' if removed else ''}{removed}",
            'rows look like {"query": "...", "positive_document": "...", "negative_documents": ["..."]}',
        )
    return read


def _training_files(path: Path) -> dict[str, Path]:
    """The training files of a path by side: itself, or those of a folder as `splade gen-data` writes it."""
    if path.is_file():
        is_table = path.suffix in SUFFIXES and not has_table_columns(path)
        if path.suffix.lstrip(".") not in FORMATS or is_table:
            return {}
        return {"train": path}
    files: dict[str, Path] = {}
    for side in SIDES:
        for ending in FORMATS:
            if (path / f"{side}.{ending}").is_file():
                files.setdefault(side, path / f"{side}.{ending}")
    return files


def _rows_of_file(path: Path, read: ReadRows) -> Iterator[tuple[int, Example]]:
    if path.suffix in SUFFIXES:
        yield from enumerate(read_table(path), 1)
        return
    for number, row in enumerate(json_rows(path), 1):
        try:
            examples = examples_of(row, f"{path}: row {number}")
        except InputError as error:
            read.faults.append(error.message)
            continue
        if not examples:
            read.removed["not relevant"] += 1
        for example in examples:
            yield number, example
