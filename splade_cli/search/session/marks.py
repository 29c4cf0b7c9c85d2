"""Marks: hits that a person called good or bad, kept as training rows in a JSONL file.

    {"query", "positive_document", "negative_documents": [...], "source": "mark", "chunk_id"}     a good one
    {"query", "document", "label": 0, "source": "mark", "chunk_id"}                               a bad one

The bad ones of a query are the negatives of its good ones. A row whose label says not relevant is no training
row by itself, so those of a query without a good one wait in the file until there is one. Other rows are left
as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splade_cli.errors import InputError
from splade_cli.records import JsonValue
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import WAIT_SECONDS, read_jsonl, remove_leftovers, write_jsonl
from splade_cli.storage.machine_faults import raise_machine_error
from splade_cli.storage.outputs import require_readable

MARKS = "marks.jsonl"
"""The file beside an index that verdicts are kept in."""
SOURCE = "mark"
Verdict = Literal["good", "bad", "none"]
Row = dict[str, JsonValue]
VERDICTS: tuple[Verdict, ...] = ("good", "bad", "none")


@dataclass(frozen=True)
class Mark:
    """One verdict: `text` is the document as a model reads it."""

    query: str
    id: str
    verdict: Verdict
    text: str


class Marks:
    """The marks of one file, read again before each change and replaced as a whole: a kill loses nothing.

    Args:
        path: a .jsonl file; it is made by the first mark.

    Raises:
        InputError: another kind of file.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".jsonl":
            raise InputError(
                f"marks are kept as JSONL, not in {path.name}", "name the file .jsonl, such as marks.jsonl"
            )
        if path.is_dir():
            raise InputError(
                f"{path} is a folder, marks are kept in a file", f"name a file in it: {path / 'marks.jsonl'}"
            )
        require_readable(path)
        self.path = path

    def put(self, marks: Sequence[Mark]) -> None:
        """Writes `marks` at once, each over an earlier one of its query and id; ``none`` takes that away.

        Raises:
            InputError: the file holds something else than JSONL, or cannot be written.
        """
        with claimed(self.path, wait=WAIT_SECONDS):
            self._put(marks)

    def _put(self, marks: Sequence[Mark]) -> None:
        remove_leftovers(self.path)
        rows = self._rows()
        for mark in marks:
            key = (mark.query, mark.id)
            rows = [row for row in rows if _key(row) != key]
            if mark.verdict != "none":
                rows.append(_row(mark))
        negatives: dict[str, list[JsonValue]] = {}
        for query, _, row in _marks_of(rows):
            if _verdict(row) == "bad":
                negatives.setdefault(query, []).append(row.get("document", ""))
        for query, _, row in _marks_of(rows):
            if _verdict(row) == "good":
                row["negative_documents"] = negatives.get(query, [])
        try:
            write_jsonl(self.path, rows)
        except OSError as error:
            raise_machine_error(error, self.path)
            reason = error.strerror or str(error)
            raise InputError(
                f"marks cannot be written to {self.path}: {reason}", "choose another file for the marks"
            ) from None

    def of(self, query: str) -> dict[str, str]:
        """Id to ``good`` or ``bad`` of the marked documents of `query`."""
        return {name: _verdict(row) for asked, name, row in _marks_of(self._rows()) if asked == query}

    def every(self) -> list[Mark]:
        """All marks, in the order in which they stand."""
        marks = []
        for query, name, row in _marks_of(self._rows()):
            verdict: Verdict = "bad" if "label" in row else "good"
            text = row.get("positive_document", row.get("document"))
            marks.append(Mark(query, name, verdict, text if isinstance(text, str) else ""))
        return marks

    def counts(self) -> dict[str, int]:
        """How many are ``good`` and ``bad``, and how many bad ones are ``waiting`` for a good one."""
        queries: dict[str, list[str]] = {"good": [], "bad": []}
        for query, _, row in _marks_of(self._rows()):
            queries[_verdict(row)].append(query)
        answered = set(queries["good"])
        bad = queries["bad"]
        return {
            "good": len(queries["good"]),
            "bad": len(bad),
            "waiting": sum(query not in answered for query in bad),
        }

    def _rows(self) -> list[Row]:
        if not self.path.exists():
            return []
        return list(read_jsonl(self.path))


def _row(mark: Mark) -> Row:
    origin = {"source": SOURCE, "chunk_id": mark.id}
    if mark.verdict == "good":
        return {"query": mark.query, "positive_document": mark.text, "negative_documents": [], **origin}
    return {"query": mark.query, "document": mark.text, "label": 0, **origin}


def _key(row: Row) -> tuple[str, str] | None:
    """Query and id of a mark, None for a row that came from elsewhere."""
    query = row.get("query")
    name = row.get("chunk_id")
    if row.get("source") == SOURCE and isinstance(query, str) and isinstance(name, str):
        return query, name
    return None


def _marks_of(rows: Iterable[Row]) -> Iterator[tuple[str, str, Row]]:
    """The rows that are marks, with query and id."""
    for row in rows:
        key = _key(row)
        if key is not None:
            yield *key, row


def _verdict(row: Row) -> str:
    return "bad" if "label" in row else "good"
