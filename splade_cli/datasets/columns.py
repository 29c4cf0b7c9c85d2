"""Rows of a table come in, training examples go out: texts by column name, filters counted. Knows no splits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from splade_cli.datasets.catalog import DatasetPart
from splade_cli.datasets.examples import NEGATIVE_KEYS, POSITIVE_KEYS, QUERY_KEYS, SCORE_KEYS, examples_of
from splade_cli.datasets.tables import Row, Table, open_tables
from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import Example

_NUMBERED = re.compile(r"negative_\d+")
_CODES = {
    code: names[0]
    for names in (
        ("no", "nor", "norwegian", "norsk"),
        ("nb", "nob", "bokmål", "bokmal", "norwegian bokmål"),
        ("nn", "nno", "nynorsk", "norwegian nynorsk"),
        ("da", "dan", "danish", "dansk"),
        ("sv", "swe", "swedish", "svenska"),
        ("fi", "fin", "finnish"),
        ("is", "isl", "ice", "icelandic"),
        ("en", "eng", "english"),
        ("de", "deu", "ger", "german"),
        ("fr", "fra", "fre", "french"),
        ("es", "spa", "spanish"),
    )
    for code in names
}


class RowReader:
    """Rows of one part as examples, counting what its filters remove."""

    def __init__(self, name: str, part: DatasetPart, removed: Counter[str]) -> None:
        self.name, self.part, self.removed = name, part, removed
        self.languages = [_code(language) for language in part.languages]
        self.keep = {column: _texts(values) for column, values in part.keep.items()}
        self.mapped = bool(part.anchor or part.positive)
        self.irrelevant: dict[str, list[str]] = {}
        columns = {part.anchor, part.positive, *part.negatives, part.scores} if self.mapped else set()
        self.required = {column for column in (*columns, *self.keep) if column}
        if part.tasks:
            self.required.add(part.task_column)
        if self.languages and not part.language:
            self.required.add(part.language_column)

    def examples(self, table: Table) -> list[Example]:
        """Raises InputError where a column that is needed is in no row."""
        self.irrelevant = {}
        rows = (
            texts_of_ids(self.part, table.rows(self._wanted)) if self.part.ids else table.rows(self._wanted)
        )
        found = [example for number, row in enumerate(rows, 1) for example in self._of(row, number)]
        for column in sorted(self.required - table.columns):
            raise InputError(
                f"dataset '{self.name}': {self.part.source} has no column '{column}', only {sorted(table.columns)}",
                did_you_mean(column, table.columns) or f"name its columns under datasets.{self.name}.columns",
            )
        if not self.irrelevant:
            return found
        return [
            replace(each, negatives=each.negatives + tuple(self.irrelevant.get(each.query, ())))
            for each in found
        ]

    def _wanted(self, column: str) -> bool:
        if column in self.required or column == self.part.language_column:
            return True
        return not self.mapped and (column in _BY_NAME or _NUMBERED.fullmatch(column) is not None)

    def _of(self, row: Row, number: int) -> Iterator[Example]:
        if reason := self._unwanted(row):
            self.removed[reason] += 1
            return
        part = self.part
        query = _first(row, (part.anchor,) if self.mapped else QUERY_KEYS)
        positives = _first(row, (part.positive,) if self.mapped else ("docs", *POSITIVE_KEYS))
        if not query or not positives:
            self.removed["without positive" if query else "without query"] += 1
            return
        if (
            "is_relevant" in row
            and not self.mapped
            and str(row["is_relevant"]).strip().casefold() not in _YES
        ):
            self.irrelevant.setdefault(str(query[0]), []).extend(positives)
            return
        if self.mapped:
            given = {
                "negatives": _each(row, part.negatives),
                "scores": row.get(part.scores) if part.scores else None,
            }
        else:
            given = {key: value for key, value in row.items() if key not in (*QUERY_KEYS, *POSITIVE_KEYS)}
        given["source"] = given.get("source") or self.name
        where = f"{part.source}: row {number}"
        made = [
            example
            for positive in (positives[:1] if "docs" in given else positives)
            for example in examples_of({**given, "query": query[0], "positive": positive}, where)
        ]
        if not made:
            self.removed["not relevant"] += 1
        yield from made

    def _unwanted(self, row: Row) -> str:
        """Why a row is not taken; empty where it is."""
        part = self.part
        if self.languages:
            language = _code(row.get(part.language_column) or part.language)
            if not any(language == wanted or (language, wanted) in _INCLUDED for wanted in self.languages):
                return "of another language"
        if part.tasks and row.get(part.task_column) not in part.tasks:
            return "of another task"
        return next(
            (f"by {column}" for column, values in self.keep.items() if not _texts(row.get(column)) & values),
            "",
        )


def texts_of_ids(part: DatasetPart, rows: Iterator[Row]) -> Iterator[Row]:
    """Rows of ids with the texts in their place, from the configurations ``queries`` and ``corpus`` of the source.

    A single score is the margin of the positive over its negative: only the difference is known, and only it counts in
    a distillation loss, so the negative's score is 0.
    """
    columns = (part.anchor, part.positive, *part.negatives)
    listed = [
        (tuple(str(row[column]) for column in columns), row.get(part.scores) if part.scores else None)
        for row in rows
    ]
    queries = _texts_by_id(part.source, "queries", "query_id", "query", {ids[0] for ids, _ in listed})
    corpus = _texts_by_id(
        part.source, "corpus", "passage_id", "passage", {id_ for ids, _ in listed for id_ in ids[1:]}
    )
    for ids, score in listed:
        texts = [queries.get(ids[0]), *(corpus.get(id_) for id_ in ids[1:])]
        yield {**dict(zip(columns, texts, strict=True)), part.scores: None if score is None else [score, 0.0]}


def _texts_by_id(source: str, config: str, key: str, text: str, wanted: set[str]) -> dict[str, str]:
    table = open_tables(source, config=config)["train"]
    rows = ((str(row[key]), row[text]) for row in table.rows(lambda column: column in (key, text)))
    return {row_id: content for row_id, content in rows if row_id in wanted}


def _first(row: Row, keys: Sequence[str]) -> list[Any]:
    """The values under the first key that holds any: of a list all that are not blank."""
    for key in keys:
        value = row.get(key)
        listed = value if isinstance(value, list) else [value]
        if filled := [
            each for each in listed if each is not None and not (isinstance(each, str) and not each.strip())
        ]:
            return filled
    return []


def _each(row: Row, columns: Sequence[str]) -> list[Any]:
    values = [row.get(column) for column in columns]
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


def _texts(value: Any) -> set[str]:
    """A value or a list of them as texts that compare alike from JSON, CSV and parquet: 1, 1.0, true and "1"."""
    values = value if isinstance(value, list | tuple) else [value]
    return {f"{each:g}" if isinstance(each, bool | int | float) else str(each).casefold() for each in values}


def _code(language: Any) -> str:
    return _CODES.get(str(language).casefold(), str(language).casefold())


_YES = ("1", "1.0", "true", "yes")
_INCLUDED = {("nb", "no"), ("nn", "no"), ("no", "nb")}
"""(a row's language, the one that is asked for): Norwegian is both, and Bokmål where nothing else is said."""
_BY_NAME = {*QUERY_KEYS, *POSITIVE_KEYS, *NEGATIVE_KEYS, *SCORE_KEYS, "docs", "explanations", "strategies",
            "query_type", "source", "chunk_id", "is_relevant"}  # fmt: skip
