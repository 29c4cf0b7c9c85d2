"""Columns of a table as training examples: texts by the names of columns, and filters that are counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from splade_cli.datasets.catalog import DatasetPart
from splade_cli.datasets.formats.relevance_table import YES
from splade_cli.datasets.languages import is_among, language_code
from splade_cli.datasets.sources import open_tables
from splade_cli.datasets.tables import RowTable, TableRow
from splade_cli.datasets.training_rows import (
    NEGATIVE_KEYS,
    POSITIVE_KEYS,
    QUERY_KEYS,
    SCORE_KEYS,
    examples_of,
)
from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import Example

_NUMBERED = re.compile(r"negative_\d+")
_BESIDE = ("docs", "explanations", "strategies", "query_type", "source", "chunk_id", "is_relevant")
_BY_NAME = {*QUERY_KEYS, *POSITIVE_KEYS, *NEGATIVE_KEYS, *SCORE_KEYS, *_BESIDE}


class RowReader:
    """Rows of one part as examples, counting what its filters remove.

    Args:
        faults: gets the message of each row that cannot be read; the first one is raised where None.
    """

    def __init__(
        self, name: str, part: DatasetPart, removed: Counter[str], faults: list[str] | None = None
    ) -> None:
        self.name = name
        self.part = part
        self.removed = removed
        self.faults = faults
        self.languages = [language_code(language) for language in part.languages]
        self.keep = {column: _as_texts(values) for column, values in part.keep.items()}
        self.is_mapped = bool(part.anchor or part.positive)
        self.query_columns: tuple[str, ...] = QUERY_KEYS
        self.positive_columns: tuple[str, ...] = ("docs", *POSITIVE_KEYS)
        if self.is_mapped:
            self.query_columns = (part.anchor,)
            self.positive_columns = (part.positive,)
        self.required = self._required_columns()
        self.irrelevant: dict[str, list[str]] = {}

    def _required_columns(self) -> set[str]:
        part = self.part
        columns = set(self.keep)
        if self.is_mapped:
            columns |= {part.anchor, part.positive, *part.negatives, part.scores}
        if part.tasks:
            columns.add(part.task_column)
        if self.languages and not part.language:
            columns.add(part.language_column)
        return columns - {""}

    def examples(self, table: RowTable) -> list[Example]:
        """Raises InputError where a column that is needed is in no row, or for a row that cannot be read."""
        self.irrelevant = {}
        rows = table.rows(self._is_read)
        if self.part.ids:
            rows = texts_of_ids(self.part, rows)
        examples: list[Example] = []
        for number, row in enumerate(rows, 1):
            try:
                examples.extend(self._examples_of(row, number))
            except InputError as error:
                if self.faults is None:
                    raise
                self.faults.append(error.message)
        for column in sorted(self.required - table.columns):
            columns = sorted(table.columns)
            raise InputError(
                f"dataset '{self.name}': {self.part.source} has no column '{column}', only {columns}",
                did_you_mean(column, columns) or f"name its columns under datasets.{self.name}.columns",
            )
        if not self.irrelevant:
            return examples
        return [
            replace(example, negatives=(*example.negatives, *self.irrelevant.get(example.query, ())))
            for example in examples
        ]

    def _is_read(self, column: str) -> bool:
        if column in self.required or column == self.part.language_column:
            return True
        return not self.is_mapped and (column in _BY_NAME or _NUMBERED.fullmatch(column) is not None)

    def _examples_of(self, row: TableRow, number: int) -> Iterator[Example]:
        reason = self._reason_to_remove(row)
        if reason:
            self.removed[reason] += 1
            return
        part = self.part
        queries = _filled(row, self.query_columns)
        if not queries:
            self.removed["without query"] += 1
            return
        positives = _filled(row, self.positive_columns)
        if not positives:
            self.removed["without positive"] += 1
            return
        is_labelled = "is_relevant" in row and not self.is_mapped
        if is_labelled and str(row["is_relevant"]).strip().casefold() not in YES:
            self.irrelevant.setdefault(str(queries[0]), []).extend(positives)
            return
        values = self._values(row)
        if "docs" in values:
            positives = positives[:1]
        examples: list[Example] = []
        for positive in positives:
            as_training_row = {**values, "query": queries[0], "positive": positive}
            examples += examples_of(as_training_row, f"{part.source}: row {number}")
        if not examples:
            self.removed["not relevant"] += 1
        yield from examples

    def _values(self, row: TableRow) -> TableRow:
        """All of a row but its query and positive, under the names of a training row."""
        part = self.part
        if self.is_mapped:
            values: TableRow = {"negatives": _values_of(row, part.negatives)}
            if part.scores:
                values["scores"] = row.get(part.scores)
        else:
            values = {key: value for key, value in row.items() if key not in (*QUERY_KEYS, *POSITIVE_KEYS)}
        values["source"] = values.get("source") or self.name
        return values

    def _reason_to_remove(self, row: TableRow) -> str:
        """Why a row is not taken; empty where it is."""
        part = self.part
        if self.languages:
            language = row.get(part.language_column) or part.language
            if not is_among(language, self.languages):
                return "of another language"
        if part.tasks and row.get(part.task_column) not in part.tasks:
            return "of another task"
        for column, values in self.keep.items():
            if not _as_texts(row.get(column)) & values:
                return f"by {column}"
        return ""


def texts_of_ids(part: DatasetPart, rows: Iterator[TableRow]) -> Iterator[TableRow]:
    """Rows of ids with texts instead, from the configurations ``queries`` and ``corpus`` of the source.

    A single score is the margin of the positive over its negative: only the difference is known, and only it
    counts in a distillation loss, so the negative's score is 0.
    """
    columns = (part.anchor, part.positive, *part.negatives)
    rows_of_ids: list[tuple[list[str], TableRow]] = []
    query_ids: set[str] = set()
    document_ids: set[str] = set()
    for row in rows:
        ids = [str(row[column]) for column in columns]
        rows_of_ids.append((ids, row))
        query_ids.add(ids[0])
        document_ids.update(ids[1:])
    queries = _texts_by_id(part.source, "queries", "query_id", "query", query_ids)
    corpus = _texts_by_id(part.source, "corpus", "passage_id", "passage", document_ids)
    for ids, row in rows_of_ids:
        texts = [queries.get(ids[0]), *map(corpus.get, ids[1:])]
        with_texts: TableRow = dict(zip(columns, texts, strict=True))
        if part.scores and row.get(part.scores) is not None:
            with_texts[part.scores] = [row[part.scores], 0.0]
        yield with_texts


def _texts_by_id(source: str, config: str, key: str, text: str, wanted: set[str]) -> dict[str, str]:
    table = open_tables(source, config=config)["train"]
    texts = {}
    for row in table.rows(lambda column: column in (key, text)):
        row_id = str(row[key])
        if row_id in wanted:
            texts[row_id] = row[text]
    return texts


def _filled(row: TableRow, keys: Sequence[str]) -> list[Any]:
    """The values under the first key that holds any: of a list all that are not blank."""
    for key in keys:
        values = [value for value in _listed(row.get(key)) if not _is_blank(value)]
        if values:
            return values
    return []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _values_of(row: TableRow, columns: Sequence[str]) -> list[Any]:
    """The values of several columns, those of a list one by one."""
    values: list[Any] = []
    for column in columns:
        values += _listed(row.get(column))
    return values


def _as_texts(value: Any) -> set[str]:
    """Values as texts that compare alike from JSON, CSV and parquet: 1, 1.0, true and "1"."""
    values = list(value) if isinstance(value, tuple) else _listed(value)
    texts = set()
    for each in values:
        if isinstance(each, bool | int | float):
            texts.add(f"{each:g}")
        else:
            texts.add(str(each).casefold())
    return texts
