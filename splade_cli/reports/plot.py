"""Plot as data: axes and series of points, lines or bars, with a description in words.

What draws them is `svg`; the figures of a plot are a table as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from splade_cli.reports.table import Cell, Column, Table

Kind = Literal["points", "lines", "bars"]


@dataclass(frozen=True)
class Axis:
    """An axis: what it measures, and how its numbers are written.

    Attributes:
        log: logarithmic, for values above 0.
        low, high: numbers that are to be on it; by default it has what the points need.
    """

    name: str
    format: str = "g"
    log: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """Points of one name, ``(x[i], y[i])``.

    Attributes:
        number: which colour and mark it has; the same thing has the same one in all plots of a page.
        labels: what each point is called, where they have names of their own.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    number: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        kind: ``points``, with its name beside it where a series has one; ``lines``; ``bars`` from 0 to y,
            from x on as wide as `bar` in units of x.
        description: what is to be seen, in words, for those who do not see it.
        listed_in: title of the table of the page that has the figures, where one has; else the plot brings
            its own.
    """

    title: str
    description: str
    kind: Kind
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    bar: float = 1.0
    listed_in: str = ""

    def table(self) -> Table:
        """The figures: a row a point; of lines a row for each x, and a column a line."""
        if self.kind == "lines":
            return self._by_x()
        labelled = self.kind == "points" or any(series.labels for series in self.series)
        columns = [Column(self.x.name, self.x.format), Column(self.y.name, self.y.format)]
        rows: list[tuple[Cell, ...]] = []
        for series in self.series:
            labels = series.labels or (series.name,) * len(series.x)
            for label, x, y in zip(labels, series.x, series.y, strict=True):
                rows.append((label, x, y) if labelled else (x, y))
        if labelled:
            columns.insert(0, Column("name"))
        return Table(tuple(columns), tuple(rows))

    def _by_x(self) -> Table:
        values = [dict(zip(series.x, series.y, strict=True)) for series in self.series]
        every = sorted({x for series in self.series for x in series.x})
        columns = [Column(self.x.name, self.x.format)]
        columns += [Column(series.name, self.y.format) for series in self.series]
        rows = [(x, *(by_x.get(x) for by_x in values)) for x in every]
        return Table(tuple(columns), tuple(rows))
