"""JSON and JSONL: lists of texts or of objects that hold one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from splade_cli.corpus.formats.prose import Unreadable
from splade_cli.corpus.formats.rows.row import RawDocument, documents_of, is_document, names_in

_MOST_IN_VAIN = 10_000


def read_json(source: str) -> Iterator[RawDocument | Unreadable]:
    """The documents of a JSON list, or of the one list in an object that holds documents."""
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from read_jsonl(source.split("\n"))
            return
        raise Unreadable(f"broken JSON ({error})") from None
    seen: set[str] = set()
    for number, row in enumerate(_list_in(value), 1):
        yield from documents_of(row, number, seen)


def _list_in(value: Any) -> list[Any]:
    if isinstance(value, list):
        if not value:
            raise Unreadable("an empty list")
        return value
    if not isinstance(value, dict):
        raise Unreadable(f"JSON {type(value).__name__}, not a list of documents")
    if is_document(value):
        return [value]
    lists = [each for each in value.values() if isinstance(each, list)]
    for is_row in (is_document, lambda row: isinstance(row, str)):
        fitting = [each for each in lists if any(map(is_row, each))]
        if len(fitting) == 1:
            return fitting[0]
    raise Unreadable(f"no list of documents in it ({names_in(value)})")


def read_jsonl(lines: Iterable[str | Unreadable]) -> Iterator[RawDocument | Unreadable]:
    """The document of each line that is not blank.

    Raises:
        Unreadable: no document in the first `_MOST_IN_VAIN` rows, so that this is another kind of file.
    """
    seen: set[str] = set()
    number = 0
    has_documents = False
    for line in lines:
        if isinstance(line, str) and not line.strip():
            continue
        if number == _MOST_IN_VAIN and not has_documents:
            raise Unreadable(f"no document in its first {number:,} rows, the rest is not read")
        number += 1
        if isinstance(line, Unreadable):
            yield Unreadable(f"row {number}: {line}")
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Unreadable(f"row {number}: broken JSON ({error})")
            continue
        for document in documents_of(value, number, seen):
            has_documents = has_documents or isinstance(document, RawDocument)
            yield document
