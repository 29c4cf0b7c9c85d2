"""Files of many texts: JSON, JSONL, CSV and TSV, a document for each row.

Rows come in many shapes: the text, title and id of one are found by the names that people give them, and all
else that is in it becomes its metadata.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from splade_cli.corpus.formats.prose import Unreadable, clean, json_object
from splade_cli.records import JsonValue

TEXT_KEYS = ("text", "content", "body", "document", "passage", "answer")
TITLE_KEYS = ("title", "heading", "headline", "subject", "question")
ID_KEYS = ("_id", "id", "doc_id", "docid")
_LONGEST_ID = 200
_ID = re.compile(r"\S*\d\S*")
_SENTENCE_END = re.compile(r"[.!?][\"'”’»)]{0,5}\Z")


@dataclass(frozen=True)
class RawDocument:
    """One text as its file gives it; `id` is empty where the file names none."""

    text: str
    title: str = ""
    id: str = ""
    metadata: dict[str, JsonValue] = field(default_factory=dict)


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
        yield from _documents_of(row, number, seen)


def _list_in(value: Any) -> list[Any]:
    if isinstance(value, list):
        if not value:
            raise Unreadable("an empty list")
        return value
    if not isinstance(value, dict):
        raise Unreadable(f"JSON {type(value).__name__}, not a list of documents")
    if _is_document(value):
        return [value]
    lists = [each for each in value.values() if isinstance(each, list)]
    for is_row in (_is_document, lambda row: isinstance(row, str)):
        fitting = [each for each in lists if any(map(is_row, each))]
        if len(fitting) == 1:
            return fitting[0]
    raise Unreadable(f"no list of documents in it ({_keys(value)})")


def read_jsonl(lines: Iterable[str | Unreadable]) -> Iterator[RawDocument | Unreadable]:
    """The document of each line that is not blank."""
    seen: set[str] = set()
    number = 0
    for line in lines:
        if isinstance(line, str) and not line.strip():
            continue
        number += 1
        if isinstance(line, Unreadable):
            yield Unreadable(f"row {number}: {line}")
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Unreadable(f"row {number}: broken JSON ({error})")
            continue
        yield from _documents_of(value, number, seen)


def read_csv(source: str, delimiter: str = "") -> Iterator[RawDocument | Unreadable]:
    """The document of each row below the header; without a column of texts, all columns are its text."""
    csv.field_size_limit(2**31 - 1)
    header_line = source.lstrip("\n").split("\n", 1)[0]
    delimiter = delimiter or max(",;\t|", key=lambda each: _columns(header_line, each))
    # Tab-separated files are often written without quoting, and then one inch sign swallows all that follows.
    unquoted = delimiter == "\t" and source.count('"') % 2 == 1
    rows = csv.reader(
        io.StringIO(source, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
    )
    header: list[str] = []
    has_text = False
    number = 0
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if not header and _is_id_and_sentence(cells):
                header = ["id", "text"]
            elif not header:
                header = _distinct([cell.strip() for cell in cells])
                continue
            if not number:
                has_text = any(name.lower() in TEXT_KEYS for name in header)
            number += 1
            yield _document_of_cells(header, cells, delimiter, number, has_text=has_text)
    except csv.Error as error:
        raise Unreadable(f"broken CSV (row {number + 1}: {error})") from None
    if not number:
        raise Unreadable("no rows below the header")


def _is_id_and_sentence(cells: list[str]) -> bool:
    """Whether a first row is no header: collections of passages are written without one."""
    if len(cells) != 2 or len(cells[0]) > _LONGEST_ID:
        return False
    words = cells[1].split(None, 2)
    return len(words) == 3 and bool(
        _ID.fullmatch(cells[0].strip()) and _SENTENCE_END.search(words[2].rstrip())
    )


def _document_of_cells(
    header: list[str], cells: list[str], delimiter: str, number: int, *, has_text: bool
) -> RawDocument | Unreadable:
    if len(cells) > len(header):
        # More cells than columns: the delimiter stood unquoted in the last one.
        last = len(header) - 1
        cells = [*cells[:last], delimiter.join(cells[last:])]
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    if has_text:
        return _from_fields(values) or Unreadable(f"row {number}: empty text ({_keys(values)})")
    named = _from_fields({**values, "text": "-"}) or RawDocument("")
    text = "\n".join(f"{name}: {value}" for name, value in values.items())
    return RawDocument(text, named.title, named.id, dict(values))


def _columns(header_line: str, delimiter: str) -> tuple[bool, int]:
    """How much `delimiter` makes of the header: names that we know count before the number of columns."""
    cells = next(csv.reader([header_line], delimiter=delimiter), [])
    return any(cell.strip().lower() in TEXT_KEYS for cell in cells), len(cells)


def _distinct(names: list[str]) -> list[str]:
    """Names of columns, those that are empty or come twice with their number."""
    distinct: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        name = name or f"column {number}"
        while name in distinct:
            name = f"{name} {number}"
        distinct[name] = None
    return list(distinct)


def _documents_of(row: Any, number: int, seen: set[str]) -> Iterator[RawDocument | Unreadable]:
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
    elif _is_document(row):
        try:
            yield _from_fields(row) or Unreadable(f"row {number}: empty text ({_keys(row)})")
        except Unreadable as reason:
            yield Unreadable(f"row {number}: {reason}")
    else:
        yield Unreadable(f"row {number}: no text in it ({_keys(row)})")


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


def _is_document(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    has_text = any(isinstance(value, str) and str(key).lower() in TEXT_KEYS for key, value in row.items())
    return has_text or _is_training_row(row)


def _from_fields(row: dict[str, Any]) -> RawDocument | None:
    """A document from named values: the first known text, title and id by name, all else metadata.

    None without a text.
    """
    keys = {str(key).lower(): key for key in reversed(row)}
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


def _value(row: dict[str, Any], key: str | None) -> str:
    """The value under a key as text, empty without a key."""
    if key is None:
        return ""
    return clean(str(row[key]))


def _first_key(row: dict[str, Any], keys: dict[str, str], known: tuple[str, ...], kind: Any) -> str | None:
    """The key in `row` that is the first of the `known` names with a value of that kind.

    `keys` are those of the row by their names in small letters.
    """
    for name in known:
        key = keys.get(name)
        if key is not None and isinstance(row[key], kind) and str(row[key]).strip():
            return key
    return None


def _keys(row: dict[Any, Any]) -> str:
    if not row:
        return "no keys"
    return f"keys: {', '.join(map(str, list(row)[:8]))}"


LINE_READERS: dict[str, Callable[[Iterable[str | Unreadable]], Iterator[RawDocument | Unreadable]]] = {
    ".jsonl": read_jsonl
}
ROW_READERS: dict[str, Callable[[str], Iterator[RawDocument | Unreadable]]] = {
    ".json": read_json,
    ".jsonl": lambda source: read_jsonl(source.split("\n")),
    ".csv": read_csv,
    ".tsv": lambda source: read_csv(source, "\t"),
}
