"""CSV and TSV: tables whose header names the text, the title and the id of a row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from splade_cli.corpus.formats.pieces import is_ladder
from splade_cli.corpus.formats.prose import Unreadable, clean
from splade_cli.corpus.formats.row import TEXT_KEYS, RawDocument, from_fields, names_in, under_text

_LONGEST_ID = 200
# It stands in the text of each row: a long one would multiply the size of a file by its rows.
_LONGEST_NAME = 100
_SHORT_ROW = 4
_ID = re.compile(r"\S*\d\S*")
_SENTENCE_END = re.compile(r"[.!?][\"'”’»)]{0,5}\Z")


def read_csv(source: str, delimiter: str = "") -> Iterator[RawDocument | Unreadable]:
    """The document of each row below the header; without a column of texts, all columns are its text.

    A long table with hardly a sign in a row, such as a column of 0 and 1, is one document.
    """
    if is_ladder(source, _SHORT_ROW):
        yield RawDocument(clean(source).strip())
        yield Unreadable(f"rows of less than {_SHORT_ROW} characters, read as one text")
        return
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
        return from_fields(values) or Unreadable(f"row {number}: empty text ({names_in(values)})")
    return under_text(values, "\n".join(f"{name}: {value}" for name, value in values.items()))


def _columns(header_line: str, delimiter: str) -> tuple[bool, int]:
    """How much `delimiter` makes of the header: names that we know count before the number of columns."""
    cells = next(csv.reader([header_line], delimiter=delimiter), [])
    return any(cell.strip().lower() in TEXT_KEYS for cell in cells), len(cells)


def _distinct(names: list[str]) -> list[str]:
    """Names of columns, cut where they are long; those that are empty or come twice with their number."""
    distinct: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        name = name[:_LONGEST_NAME] or f"column {number}"
        while name in distinct:
            name = f"{name} {number}"
        distinct[name] = None
    return list(distinct)
