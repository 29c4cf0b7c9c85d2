"""Ranked lists of several systems for the same judged queries, with the documents that they name.

A document stands here once, however many lists have it: lists name it by its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from splade_cli.reports.table import Cell, Column, Table

QUERIES = "Queries"
"""Title of the table of them."""
DIGITS = 5


@dataclass(frozen=True)
class ShownDocument:
    """A document with the beginning of its text."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Ranked:
    """A place in a ranked list: the number of a document, and its score."""

    document: int
    score: float


@dataclass(frozen=True)
class RankedQuery:
    """A judged query, and what each system found.

    Attributes:
        values: the measure, one a system.
        grades: of relevant documents, by their numbers.
        first: the first documents of each system.
        found: the rank of each relevant document, one mapping a system; one that it did not rank is missing.
    """

    id: str
    text: str
    values: tuple[float, ...]
    grades: Mapping[int, float]
    first: tuple[tuple[Ranked, ...], ...]
    found: tuple[Mapping[int, int], ...]


@dataclass(frozen=True)
class SideBySide:
    """Queries in the order in which they are to be looked at.

    Attributes:
        measure: of the values.
        systems: names; the first two are shown first.
        depth: how many documents were ranked for a query.
        left_out: how many queries are not here, for want of room.
    """

    measure: str
    systems: tuple[str, ...]
    documents: tuple[ShownDocument, ...]
    queries: tuple[RankedQuery, ...]
    depth: int
    left_out: int = 0

    @property
    def remark(self) -> str:
        """How the table of queries is to be read."""
        if len(self.systems) < 2:
            return f"{self.measure} of each query, the lowest first."
        first, second = self.systems[:2]
        said = f"{self.measure} of each query; those first in which {first} loses most against {second}."
        if self.left_out:
            said += f" {self.left_out} queries with a smaller loss are left out."
        return said

    def table(self) -> Table:
        """A row a query: its id and text, the lead of the first system over the second, and all values."""
        columns = [Column("query"), Column("text")]
        if len(self.systems) > 1:
            columns.append(Column("difference", "+.4f"))
        columns += [Column(name, ".4f") for name in self.systems]
        rows: list[tuple[Cell, ...]] = []
        for query in self.queries:
            lead = (query.values[0] - query.values[1],) if len(self.systems) > 1 else ()
            rows.append((query.id, query.text, *lead, *query.values))
        return Table(tuple(columns), tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Short lists in place of objects, as there are many of them.

        ``documents``: [id, title, text]; ``queries``: id, text, values, ``grades`` as [document, grade],
        ``first`` as [document, score] by system, ``found`` as [document, rank] by system.
        """
        queries = []
        for query in self.queries:
            first = [[[hit.document, _short(hit.score)] for hit in ranked] for ranked in query.first]
            found = [[list(pair) for pair in ranks.items()] for ranks in query.found]
            queries.append(
                {
                    "id": query.id,
                    "text": query.text,
                    "values": [_short(value) for value in query.values],
                    "grades": [list(pair) for pair in query.grades.items()],
                    "first": first,
                    "found": found,
                }
            )
        return {
            "measure": self.measure,
            "systems": list(self.systems),
            "depth": self.depth,
            "left_out": self.left_out,
            "documents": [[each.id, each.title, each.text] for each in self.documents],
            "queries": queries,
        }


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
