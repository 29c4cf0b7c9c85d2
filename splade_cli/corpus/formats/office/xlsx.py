"""Excel: a document for each row of each sheet, its cells under their headers, as of CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

from splade_cli.corpus.formats.office.archive import opened_archive, refuse_entities
from splade_cli.corpus.formats.office.extra import needs
from splade_cli.corpus.formats.prose import Remark, Unreadable
from splade_cli.corpus.formats.rows.row import RawDocument
from splade_cli.corpus.formats.rows.table import documents_of_table

_MOST_COLUMNS = 1_000
_MOST_EMPTY_ROWS = 1_000  # in a row: what comes below is formatting


def read_xlsx(data: bytes) -> Iterator[RawDocument | Unreadable]:
    """The rows of all sheets, values as they were last calculated; the sheet's name is in the metadata.

    Raises:
        Unreadable: damage, no openpyxl, or nothing in any sheet.
    """
    try:
        import openpyxl
    except ImportError:
        raise needs("openpyxl") from None
    refuse_entities(opened_archive(data, "XLSX"), "XLSX")
    try:
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        openpyxl.utils.exceptions.InvalidFileException,
    ) as error:
        raise Unreadable(f"broken XLSX ({str(error)[:200]})") from None
    sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    is_empty = True
    for sheet in sheets:
        try:
            rows = list(_rows(sheet))
            for document in documents_of_table(rows, metadata={"sheet": sheet.title}):
                is_empty = False
                yield document
        except Unreadable as reason:
            if rows:
                yield Unreadable(f"sheet {sheet.title}: {reason}")
    hidden = len(workbook.worksheets) - len(sheets)
    if hidden:
        yield Remark(f"hidden sheets not read: {hidden}")
    if is_empty:
        raise Unreadable("no rows in any sheet")


def _rows(sheet: Any) -> Iterator[list[str]]:
    empty = 0
    for values in sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True):
        cells = [_shown(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        empty = 0 if cells else empty + 1
        if empty > _MOST_EMPTY_ROWS:
            return
        if cells:
            yield cells


def _shown(value: Any) -> str:
    """A value as a person would write it: dates without a time of midnight, numbers without ``.0``."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
