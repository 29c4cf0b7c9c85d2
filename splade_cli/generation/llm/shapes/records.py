"""Records in plain text: the rows of a Markdown table, the items of a YAML list, JSON within a string."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Record = tuple[str, str]
"""A text, and what was said of its kind."""
_TEXTS = ("text", "query", "queries", "search query", "question")
_KINDS = ("type", "kind", "query type")
_FIELD = re.compile(r"^(?P<indent>\s*(?:-\s+)?)(?P<key>text|query|type|kind)\s*:\s*(?P<value>\S.*)$", re.I)
_RULE = re.compile(r"^\s*\|?[\s:|-]*-{2,}[\s:|-]*$")


def unquoted(text: str) -> str:
    """What a JSON string that is all of `text` holds; else `text`."""
    if not text.lstrip().startswith('"'):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text


def json_within(text: str) -> Any:
    """The object or list that a string spells as a whole, None where it spells none."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def records(text: str) -> list[Record]:
    """The rows of the tables in `text`, or else the items of a list that name a text and a kind."""
    return list(_of_tables(text)) or list(_of_yaml(text))


def _of_tables(text: str) -> Iterator[Record]:
    lines = text.splitlines()
    header: list[str] = []
    for number, line in enumerate(lines):
        if "|" not in line:
            header = []
        elif header:
            cells = _cells(line)
            kind = _cell(header, cells, _KINDS)
            found = _cell(header, cells, _TEXTS)
            if found:
                yield found, kind
        elif number and _RULE.match(line):
            header = [cell.casefold() for cell in _cells(lines[number - 1])]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _cell(header: list[str], cells: list[str], names: tuple[str, ...]) -> str:
    """The cell in the first column that is called by one of `names`; empty where none is."""
    for name in names:
        if name in header and header.index(name) < len(cells):
            return cells[header.index(name)]
    return ""


def _of_yaml(text: str) -> Iterator[Record]:
    """Items with a text and a kind; a text without a kind is a line like others."""
    record: dict[str, str] = {}
    for line in text.splitlines():
        field = _FIELD.match(line)
        begins = field is not None and "-" in field["indent"]
        if field is None or begins:
            yield from _whole(record)
            record = {}
        if field is not None:
            key = "text" if field["key"].lower() in ("text", "query") else "type"
            record[key] = field["value"].strip().strip("\"'")
    yield from _whole(record)


def _whole(record: dict[str, str]) -> Iterator[Record]:
    if len(record) == 2:
        yield record["text"], record["type"]
