"""CSV and TSV: tables whose delimiter and header are found where they are not told."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from splade_cli.corpus.formats.pieces import is_ladder
from splade_cli.corpus.formats.prose import Remark, Unreadable, clean
from splade_cli.corpus.formats.rows.row import TEXT_KEYS, RawDocument
from splade_cli.corpus.formats.rows.table import documents_of_table

_SHORT_ROW = 4
_USUAL = ",;\t|"
_RARE = "\x1f\x01:^~#&"
_LOOKED_AT = 20  # lines
# As Excel writes and reads it, in a line above the header.
_SEPARATOR = re.compile(r"\A\"?sep=(.)\"?\s*?(?:\n|\Z)", re.IGNORECASE)


def read_csv(source: str, delimiter: str = "") -> Iterator[RawDocument | Unreadable]:
    """The document of each row below the header; without a column of texts, all columns are its text.

    A long table with hardly a sign in a row, such as a column of 0 and 1, is one document.
    """
    if is_ladder(source, _SHORT_ROW):
        yield RawDocument(clean(source).strip())
        yield Remark(f"rows of less than {_SHORT_ROW} characters, read as one text")
        return
    csv.field_size_limit(2**31 - 1)
    source = source.lstrip("\n")
    told = _SEPARATOR.match(source)
    if told:
        delimiter = told[1]
        source = source[told.end() :]
    lines = source.split("\n", _LOOKED_AT)[:_LOOKED_AT]
    if not delimiter or (not told and not any(delimiter in line for line in lines)):
        delimiter = _delimiter_of(lines)
    # Tab-separated files are often written without quoting, and then one inch sign swallows all that follows.
    unquoted = delimiter == "\t" and source.count('"') % 2 == 1
    rows = csv.reader(
        io.StringIO(source, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
    )
    try:
        yield from documents_of_table(rows, delimiter)
    except csv.Error as error:
        raise Unreadable(f"broken CSV (line {rows.line_num}: {error})") from None


def _delimiter_of(lines: list[str]) -> str:
    """The sign that makes most of the first line; a rare one only where all lines have it as often."""
    best = max(_USUAL, key=lambda each: _columns(lines[0], each))
    if _columns(lines[0], best)[1] > 1:
        return best
    written = [line for line in lines if line.strip()]
    for sign in _RARE:
        counts = {line.count(sign) for line in written}
        if len(written) > 1 and len(counts) == 1 and counts != {0}:
            return sign
    return best


def _columns(header_line: str, delimiter: str) -> tuple[bool, int]:
    """How much `delimiter` makes of the header: names that we know count before the number of columns."""
    cells = next(csv.reader([header_line], delimiter=delimiter), [])
    return any(cell.strip().lower() in TEXT_KEYS for cell in cells), len(cells)
