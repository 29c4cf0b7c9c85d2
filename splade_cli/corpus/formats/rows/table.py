"""A table as documents: which of its rows is the header, and a document for each row below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice

from splade_cli.corpus.formats.prose import Unreadable
from splade_cli.corpus.formats.rows.row import (
    ID_KEYS,
    TEXT_KEYS,
    TITLE_KEYS,
    RawDocument,
    from_fields,
    names_in,
    under_text,
)
from splade_cli.records import JsonValue

_LONGEST_ID = 200
# It stands in the text of each row: a long one would multiply the size of a file by its rows.
_LONGEST_NAME = 100
_LOOKED_AT = 50  # rows by which a header is told
_ID = re.compile(r"\S*\d\S*")
_SENTENCE_END = re.compile(r"[.!?][\"'”’»)]{0,5}\Z")
_NUMBER = re.compile(r"[-+]?(?:\d[\d ,'.]*|\.\d+)(?:[eE][-+]?\d+)?%?")
_YEAR = re.compile(r"(?:1[89]|20|21)\d\d")
_LONG_CELL = 100  # characters, and more than so many blanks: no column is called so
_MOST_BLANKS = 8


def documents_of_table(
    rows: Iterable[list[str]], delimiter: str = " ", metadata: Mapping[str, JsonValue] | None = None
) -> Iterator[RawDocument | Unreadable]:
    """The document of each row below the header; without a column of texts, all columns are its text.

    Args:
        rows: cells, those of the header first if there is one.
        delimiter: stands between what is in the last column where a row has more cells than the header.
        metadata: of all documents, beside their own.

    Raises:
        Unreadable: there are no rows but a header.
    """
    written = (row for row in rows if any(cell.strip() for cell in row))
    first = list(islice(written, _LOOKED_AT))
    header: list[str] = []
    if first and _is_id_and_sentence(first[0]):
        header = ["id", "text"]
    elif first and _has_header(first):
        header = _distinct([cell.strip() for cell in first.pop(0)])
    has_text = any(name.lower() in TEXT_KEYS for name in header)
    number = 0
    for cells in chain(first, written):
        number += 1
        if header:
            document = _document_of_cells(header, cells, delimiter, number, has_text=has_text)
        else:
            document = _without_names(cells)
        if metadata and isinstance(document, RawDocument):
            document = replace(document, metadata={**metadata, **document.metadata})
        yield document
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


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: it does, unless it looks like the rows below it.

    It looks so with a long text in it; with numbers where all below are numbers, years apart, which may be
    names; or with one such number and a word that comes again below it.
    """
    first, *below = [[cell.strip() for cell in row] for row in rows]
    known = (*TEXT_KEYS, *TITLE_KEYS, *ID_KEYS)
    if any(cell.lower() in known for cell in first):
        return True
    if any(len(cell) > _LONG_CELL and cell.count(" ") > _MOST_BLANKS for cell in first):
        return False
    numbers = 0
    again = 0
    for column, cell in enumerate(first):
        values = [row[column] for row in below if column < len(row) and row[column]]
        if not values or not cell:
            continue
        if _NUMBER.fullmatch(cell):
            is_year = _YEAR.fullmatch(cell) and not all(_YEAR.fullmatch(value) for value in values)
            numbers += not is_year and all(_NUMBER.fullmatch(value) for value in values)
        elif cell in values:
            again += 1
    named = sum(1 for cell in first if cell)
    return not (numbers >= 2 or (numbers and (again or numbers == named)))


def _without_names(cells: list[str]) -> RawDocument:
    """A row of a table that names no columns: its cells one below the other."""
    values = [cell.strip() for cell in cells if cell.strip()]
    return RawDocument("\n".join(values))


def _document_of_cells(
    header: list[str], cells: list[str], delimiter: str, number: int, *, has_text: bool
) -> RawDocument | Unreadable:
    if len(cells) > len(header):
        # More cells than columns: the delimiter stood unquoted in the last one.
        last = len(header) - 1
        cells = [*cells[:last], delimiter.join(cells[last:])]
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    if has_text:
        return from_fields(values) or Unreadable(f"row {number}: empty text ({names_in(values)})")
    return under_text(values, "\n".join(f"{name}: {value}" for name, value in values.items()))


def _distinct(names: list[str]) -> list[str]:
    """Names of columns, cut where they are long; those that are empty or come twice with their number."""
    distinct: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        name = name[:_LONGEST_NAME] or f"column {number}"
        while name in distinct:
            name = f"{name} {number}"
        distinct[name] = None
    return list(distinct)
