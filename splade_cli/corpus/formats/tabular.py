"""A file of many texts comes in (JSON, JSONL, CSV or TSV), its rows or why a row is none go out; knows no paths or ids.

Rows come in many shapes: the text, title and id of one are found by the names that people give them, and all else
that is in it becomes its metadata.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from splade_cli.corpus.formats import Unreadable

TEXT_KEYS = ("text", "content", "body", "document", "passage", "answer")
TITLE_KEYS = ("title", "heading", "headline", "subject", "question")
ID_KEYS = ("_id", "id", "doc_id", "docid")


@dataclass(frozen=True)
class Row:
    """One text as its file gives it; `id` is empty where the file names none."""

    text: str
    title: str = ""
    id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def _json_rows(source: str) -> Iterator[Row | str]:
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from _jsonl_rows(source.split("\n"))
            return
        raise Unreadable(f"broken JSON ({error})") from None
    seen: set[str] = set()
    for number, row in enumerate(_listed(value), 1):
        yield from _shaped(row, number, seen)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        if not value:
            raise Unreadable("an empty list")
        return value
    if not isinstance(value, dict):
        raise Unreadable(f"JSON {type(value).__name__}, not a list of documents")
    if _fits(value):
        return [value]
    lists = [each for each in value.values() if isinstance(each, list)]
    for kind in (lambda row: isinstance(row, dict) and _fits(row), lambda row: isinstance(row, str)):
        fitting = [each for each in lists if any(map(kind, each))]
        if len(fitting) == 1:
            return fitting[0]
    raise Unreadable(f"no list of documents in it ({_keys(value)})")


def _jsonl_rows(lines: Iterable[str | Unreadable]) -> Iterator[Row | str]:
    seen: set[str] = set()
    for number, line in enumerate(
        (line for line in lines if isinstance(line, Unreadable) or line.strip()), 1
    ):
        if isinstance(line, Unreadable):
            yield f"row {number}: {line}"
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"row {number}: broken JSON ({error})"
            continue
        yield from _shaped(value, number, seen)


def _csv_rows(source: str, delimiter: str = "") -> Iterator[Row | str]:
    csv.field_size_limit(2**31 - 1)
    header_line = source.lstrip("\n").split("\n", 1)[0]
    delimiter = delimiter or max(",;\t|", key=lambda each: _columns(header_line, each))
    # Tab-separated files are often written without quoting, and then one inch sign swallows all that follows.
    bare = delimiter == "\t" and source.count('"') % 2 == 1
    lines = io.StringIO(source, newline="")
    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if bare else csv.QUOTE_MINIMAL)
    header: list[str] = []
    number = 0
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _distinct([cell.strip() for cell in cells])
                continue
            number += 1
            # More cells than columns: the delimiter stood unquoted in the last one.
            last = len(header) - 1
            cells = [*cells[:last], delimiter.join(cells[last:])] if len(cells) > len(header) else cells
            values = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
            if any(name.lower() in TEXT_KEYS for name in header):
                yield _from_fields(values) or f"row {number}: empty text ({_keys(values)})"
            else:
                named = _from_fields({**values, "text": "-"})
                text = "\n".join(f"{name}: {value}" for name, value in values.items())
                yield Row(text, named.title if named else "", named.id if named else "", values)
    except csv.Error as error:
        raise Unreadable(f"broken CSV (row {number + 1}: {error})") from None
    if not number:
        raise Unreadable("no rows below the header")


def _columns(header_line: str, delimiter: str) -> tuple[bool, int]:
    """How much `delimiter` makes of the header: names that we know count before the number of columns."""
    cells = next(csv.reader([header_line], delimiter=delimiter), [])
    return any(cell.strip().lower() in TEXT_KEYS for cell in cells), len(cells)


def _distinct(names: list[str]) -> list[str]:
    out: list[str] = []
    for place, name in enumerate(names, 1):
        name = name or f"column {place}"
        out.append(f"{name} {place}" if name in out else name)
    return out


def _shaped(row: Any, number: int, seen: set[str]) -> Iterator[Row | str]:
    if isinstance(row, str) and row.strip():
        yield Row(clean(row))
    elif isinstance(row, dict) and isinstance(row.get("positive_document"), str | dict):
        negatives = row.get("negative_documents")
        for each in (row["positive_document"], *(negatives if isinstance(negatives, list) else [])):
            text = each.get("document") if isinstance(each, dict) else each
            if isinstance(text, str) and text.strip() and text not in seen:
                seen.add(text)
                yield Row(clean(text))
    elif isinstance(row, dict) and _fits(row):
        yield _from_fields(row) or f"row {number}: empty text ({_keys(row)})"
    elif isinstance(row, dict):
        yield f"row {number}: no text in it ({_keys(row)})"
    else:
        yield f"row {number}: {'empty text' if isinstance(row, str) else f'a {type(row).__name__}, not a document'}"


def _fits(row: dict[Any, Any]) -> bool:
    return isinstance(row.get("positive_document"), str | dict) or any(
        isinstance(value, str) and str(key).lower() in TEXT_KEYS for key, value in row.items()
    )


def _from_fields(row: dict[str, Any]) -> Row | None:
    """A row from named values: the first known text, title and id by name, all else metadata; None without text."""
    by_name = {str(key).lower(): key for key in reversed(row)}

    def first(names: tuple[str, ...], kinds: type | tuple[type, ...]) -> Any:
        keys = (by_name[name] for name in names if name in by_name)
        return next((key for key in keys if isinstance(row[key], kinds) and str(row[key]).strip()), None)

    text, title, own = first(TEXT_KEYS, str), first(TITLE_KEYS, str), first(ID_KEYS, (str, int))
    if text is None and title is None:
        return None
    rest = {key: value for key, value in row.items() if key not in (text, title, own)}
    words = " ".join(clean(row[title]).split()) if title is not None else ""
    body = clean(row[text]).strip() if text is not None else words
    return Row(body, words, clean(str(row[own])).strip() if own is not None else "", tidy(rest))


def _keys(row: dict[Any, Any]) -> str:
    return f"keys: {', '.join(map(str, list(row)[:8]))}" if row else "no keys"


def clean(text: str) -> str:
    """Newlines are ``\\n``, and nothing is left that could not be written as UTF-8."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def tidy(value: Any) -> Any:
    """The same value as JSON can hold it: dates as ISO text, every text clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): tidy(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float) else str(value)


LINE_READERS: dict[str, Callable[[Iterable[str | Unreadable]], Iterator[Row | str]]] = {".jsonl": _jsonl_rows}
ROW_READERS: dict[str, Callable[[str], Iterator[Row | str]]] = {
    ".json": _json_rows,
    ".jsonl": lambda source: _jsonl_rows(source.split("\n")),
    ".csv": _csv_rows,
    ".tsv": lambda source: _csv_rows(source, "\t"),
}
