"""Files in the layout of BEIR: corpus.jsonl and queries.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from splade_cli.corpus.formats.prose import clean
from splade_cli.errors import InputError
from splade_cli.records import Document, JsonValue
from splade_cli.storage.files import read_jsonl


def read_corpus(path: Path) -> list[Document]:
    """Documents of a corpus.jsonl; other keys become metadata. Raises InputError naming line and key."""
    documents = []
    for row in _rows(path, "BEIR rows: _id, title, text"):
        metadata = {key: value for key, value in row.items() if key not in ("_id", "text", "title")}
        text = _text(row, "text", path)
        documents.append(Document(clean(str(row["_id"])), text, _text(row, "title", path), metadata))
    if not documents:
        raise InputError(f"{path} is empty", "it needs one JSON object a line: _id, title, text")
    return documents


def read_queries(path: Path) -> dict[str, str]:
    """Query texts by id of a queries.jsonl. Raises InputError naming line and key."""
    return {clean(str(row["_id"])): _text(row, "text", path) for row in _rows(path, "BEIR rows: _id, text")}


def _rows(path: Path, shape: str) -> Iterator[dict[str, JsonValue]]:
    for number, row in enumerate(read_jsonl(path), 1):
        for key in ("_id", "text"):
            if key not in row:
                raise InputError(f"{path}: row {number} has no '{key}', only {sorted(row)}", shape)
        yield row


def _text(row: dict[str, JsonValue], key: str, path: Path) -> str:
    """The text under a key, empty where there is none. Raises InputError for what is no text."""
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(
            f"{path}: '{key}' of '{row['_id']}' is a {type(value).__name__}, a text was expected",
            f'put it in quotes: "{key}": "..."',
        )
    return clean(value)
