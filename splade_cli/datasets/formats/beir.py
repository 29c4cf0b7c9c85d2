"""Files in the layout of BEIR: corpus.jsonl and queries.jsonl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splade_cli.errors import InputError
from splade_cli.files import read_jsonl
from splade_cli.records import Document


def read_corpus(path: Path) -> list[Document]:
    """Documents of a corpus.jsonl; other keys become metadata. Raises InputError naming line and key."""
    documents = []
    for row in _rows(path, "BEIR rows: _id, title, text"):
        metadata = {key: value for key, value in row.items() if key not in ("_id", "text", "title")}
        documents.append(Document(str(row["_id"]), row["text"] or "", row.get("title") or "", metadata))
    if not documents:
        raise InputError(f"{path} is empty", "it needs one JSON object a line: _id, title, text")
    return documents


def read_queries(path: Path) -> dict[str, str]:
    """Query texts by id of a queries.jsonl. Raises InputError naming line and key."""
    return {str(row["_id"]): row["text"] for row in _rows(path, "BEIR rows: _id, text")}


def _rows(path: Path, shape: str) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(read_jsonl(path), 1):
        for key in ("_id", "text"):
            if key not in row:
                raise InputError(f"{path}: row {number} has no '{key}', only {sorted(row)}", shape)
        yield row
