"""A row of a table of texts as a document.

Rows come in many shapes: the text, title and id of one are found by the names that people give them, and all
else that is in it becomes its metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from splade_cli.corpus.formats.prose import Unreadable, clean, json_object
from splade_cli.records import JsonValue, Pages

TEXT_KEYS = ("text", "content", "body", "document", "passage", "answer")
TITLE_KEYS = ("title", "heading", "headline", "subject", "question")
ID_KEYS = ("_id", "id", "doc_id", "docid")
_SHOWN = 60  # characters of a name in a report


@dataclass(frozen=True)
class RawDocument:
    """One text as its file gives it; `id` is empty where the file names none."""

    text: str
    title: str = ""
    id: str = ""
    metadata: dict[str, JsonValue] = field(default_factory=dict)
    pages: Pages | None = None


def documents_of(row: Any, number: int, seen: set[str]) -> Iterator[RawDocument | Unreadable]:
    """The document in one row, or of a training row all its documents that are not among `seen`."""
    if isinstance(row, str) and row.strip():
        yield RawDocument(clean(row))
    elif isinstance(row, str):
        yield Unreadable(f"row {number}: empty text")
    elif not isinstance(row, dict):
        yield Unreadable(f"row {number}: a {type(row).__name__}, not a document")
    elif _is_training_row(row):
        for text in _texts_of_training_row(row):
            if text.strip() and text not in seen:
                seen.add(text)
                yield RawDocument(clean(text))
    elif is_document(row):
        try:
            yield from_fields(row) or Unreadable(f"row {number}: empty text ({names_in(row)})")
        except Unreadable as reason:
            yield Unreadable(f"row {number}: {reason}")
    else:
        yield Unreadable(f"row {number}: no text in it ({names_in(row)})")


def _is_training_row(row: dict[Any, Any]) -> bool:
    return isinstance(row.get("positive_document"), str | dict)


def _texts_of_training_row(row: dict[Any, Any]) -> Iterator[str]:
    negatives = row.get("negative_documents")
    documents = [row["positive_document"]]
    if isinstance(negatives, list):
        documents += negatives
    for document in documents:
        if isinstance(document, dict):
            document = document.get("document")
        if isinstance(document, str):
            yield document


def is_document(row: Any) -> bool:
    """Whether a row is an object that names a text."""
    if not isinstance(row, dict):
        return False
    has_text = any(isinstance(value, str) and str(key).lower() in TEXT_KEYS for key, value in row.items())
    return has_text or _is_training_row(row)


def under_text(row: dict[str, Any], text: str) -> RawDocument:
    """A document with a text of its own: title and id are found by name, and every value is metadata."""
    keys = _keys_by_name(row)
    title = _value(row, _first_key(row, keys, TITLE_KEYS, str))
    given_id = _value(row, _first_key(row, keys, ID_KEYS, str | int))
    return RawDocument(text, " ".join(title.split()), given_id.strip(), json_object(row))


def from_fields(row: dict[str, Any]) -> RawDocument | None:
    """A document from named values: the first known text, title and id by name, all else metadata.

    None without a text.
    """
    keys = _keys_by_name(row)
    text = _first_key(row, keys, TEXT_KEYS, str)
    title = _first_key(row, keys, TITLE_KEYS, str)
    given_id = _first_key(row, keys, ID_KEYS, str | int)
    if text is None and title is None:
        return None
    heading = " ".join(_value(row, title).split())
    rest = {key: value for key, value in row.items() if key not in (text, title, given_id)}
    return RawDocument(
        text=heading if text is None else _value(row, text).strip(),
        title=heading,
        id=_value(row, given_id).strip(),
        metadata=json_object(rest),
    )


def _keys_by_name(row: dict[str, Any]) -> dict[str, str]:
    """The keys of a row by their names in small letters, the first of each name."""
    return {str(key).lower(): key for key in reversed(row)}


def _value(row: dict[str, Any], key: str | None) -> str:
    """The value under a key as text, empty without a key."""
    if key is None:
        return ""
    return clean(str(row[key]))


def _first_key(row: dict[str, Any], keys: dict[str, str], known: tuple[str, ...], kind: Any) -> str | None:
    """The key in `row` that is the first of the `known` names with a value of that kind.

    `keys` are those of `_keys_by_name`.
    """
    for name in known:
        key = keys.get(name)
        if key is not None and isinstance(row[key], kind) and str(row[key]).strip():
            return key
    return None


def names_in(row: dict[Any, Any]) -> str:
    """The names in a row that gives no document, for the report on it."""
    if not row:
        return "no keys"
    shown = [str(key)[:_SHOWN] for key in list(row)[:8]]
    return f"keys: {', '.join(shown)}"
