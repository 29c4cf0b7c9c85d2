"""A file of queries, as a push checks them and an export encodes them: topics, in the words of TREC."""

from __future__ import annotations

from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.storage.files import open_text, read_jsonl

SHAPE = "one a line, or JSONL of _id and text"
OTHERS = (".json", ".csv", ".tsv")
"""Endings of files whose lines are no queries."""


def read_queries(path: Path) -> list[tuple[str, str]]:
    """Ids and texts of all queries: JSONL of ``_id`` or ``id`` and ``text``, or one a line.

    Raises:
        InputError: no such file, one of another format, a row without a text, or no query in it.
    """
    if path.suffix in OTHERS:
        raise InputError(f"{path}: queries are not read from {path.suffix}", SHAPE, option="queries")
    found = []
    if path.suffix == ".jsonl":
        for number, row in enumerate(read_jsonl(path), 1):
            text = row.get("text")
            if not isinstance(text, str):
                raise InputError(f"{path}: line {number} has no text", "rows of _id and text")
            found.append((str(row.get("_id", row.get("id", number))), text))
    else:
        with open_text(path) as lines:
            found = [(str(number), line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise InputError(f"{path} holds no query", SHAPE)
    return found
