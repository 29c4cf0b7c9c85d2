"""Lost queries: those of an evaluation that a system answered badly, with what it should have put first.

A row of JSONL each: {"query_id", "query", "measure", "value", "relevant": [{"id", "title", "text"}],
"ranked_above": [...]}. They are queries of a test: data may be made around them, never of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splade_cli.errors import InputError
from splade_cli.records import Document
from splade_cli.storage.files import read_jsonl, replacing, write_jsonl

SHAPE = "`splade evaluate --failures lost.jsonl` writes such a file"


@dataclass(frozen=True)
class LostQuery:
    """A query and the documents that tell why it was lost.

    Attributes:
        measure, value: what it reached, e.g. ``nDCG@10`` and 0.2.
        relevant: all documents that are relevant to it.
        ranked_above: documents that are not, and stood above a relevant one, best first.
    """

    query_id: str
    query: str
    measure: str
    value: float
    relevant: tuple[Document, ...]
    ranked_above: tuple[Document, ...]


def write_lost_queries(path: Path, lost: Iterable[LostQuery]) -> None:
    """Writes a file that `read_lost_queries` reads."""
    with replacing(path, alone=True) as temporary:
        write_jsonl(temporary, map(_as_row, lost))


def read_lost_queries(path: Path) -> list[LostQuery]:
    """The rows of a file. Raises InputError for another shape, naming row and key, or for no row."""
    lost = []
    for number, row in enumerate(read_jsonl(path), 1):
        query = row.get("query")
        if not isinstance(query, str) or not query.strip():
            raise InputError(f"{path}: row {number} has no 'query', only {sorted(row)}", SHAPE)
        value = row.get("value")
        lost.append(
            LostQuery(
                query_id=str(row.get("query_id") or f"row {number}"),
                query=query,
                measure=str(row.get("measure") or ""),
                value=value if isinstance(value, float) else 0.0,
                relevant=_documents(row, "relevant", f"{path}: row {number}"),
                ranked_above=_documents(row, "ranked_above", f"{path}: row {number}"),
            )
        )
    if not lost:
        raise InputError(f"{path} holds no lost query", SHAPE)
    return lost


def _as_row(lost: LostQuery) -> dict[str, object]:
    return {
        "query_id": lost.query_id,
        "query": lost.query,
        "measure": lost.measure,
        "value": lost.value,
        "relevant": [_as_object(document) for document in lost.relevant],
        "ranked_above": [_as_object(document) for document in lost.ranked_above],
    }


def _as_object(document: Document) -> dict[str, str]:
    return {"id": document.id, "title": document.title, "text": document.text}


def _documents(row: Mapping[str, Any], key: str, where: str) -> tuple[Document, ...]:
    listed = row.get(key)
    if not isinstance(listed, list) or not all(isinstance(each, dict) and "id" in each for each in listed):
        raise InputError(f"{where}: '{key}' must be a list of documents with an id", SHAPE)
    return tuple(
        Document(str(each["id"]), str(each.get("text") or ""), str(each.get("title") or ""))
        for each in listed
    )
