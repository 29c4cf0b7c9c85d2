"""Table of figures: columns with names and number formats, and rows of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | float | None


@dataclass(frozen=True)
class Column:
    """`name` is its heading, `short` one for want of room; `format` how its numbers are written."""

    name: str
    format: str = ""
    short: str = ""

    def text(self, cell: Cell) -> str:
        """A cell as it is drawn; nothing for None."""
        if cell is None:
            return ""
        if isinstance(cell, str):
            return cell
        return format(cell, self.format)


@dataclass(frozen=True)
class Table:
    """Rows have one cell a column; the first names the row."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def names(self) -> list[str]:
        """The headings."""
        return [column.name for column in self.columns]

    def texts(self) -> list[list[str]]:
        """The rows as they are drawn."""
        return [
            [column.text(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows
        ]

    def only(self, names: Sequence[str]) -> Table:
        """The columns of these names, in their order."""
        numbers = [self.names.index(name) for name in names]
        columns = tuple(self.columns[number] for number in numbers)
        return Table(columns, tuple(tuple(row[number] for number in numbers) for row in self.rows))

    def to_json(self) -> dict[str, list[str] | list[list[Cell]]]:
        """``{"headers": [...], "rows": [[...], ...]}``, numbers as numbers."""
        return {"headers": self.names, "rows": [list(row) for row in self.rows]}
