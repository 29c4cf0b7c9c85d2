"""Records of robustness: what systems reach when the same things are asked in other words, or misspelled."""

from __future__ import annotations

from dataclasses import dataclass

from splade_cli.evaluation.significance import Comparison
from splade_cli.reports.table import Cell, Column, Table

TYPOS = "typos"
PARAPHRASES = "paraphrases"
EXAMPLES = 2


@dataclass(frozen=True)
class Shaken:
    """One system.

    Attributes:
        before, after: means over all queries, those that stay as they are among them.
        versus: `after` against `before`, by query; corrected for the systems beside it.
    """

    name: str
    before: float
    after: float
    versus: Comparison


@dataclass(frozen=True)
class Robustness:
    """All systems under one kind of change.

    Attributes:
        kind: TYPOS or PARAPHRASES.
        how: what was changed, in a sentence.
        measure: that the means are of.
        changed, queries: how many queries are other ones, of how many.
        examples: some of the shorter ones, as they were and as they are.
    """

    kind: str
    how: str
    measure: str
    changed: int
    queries: int
    examples: tuple[tuple[str, str], ...] = ()
    systems: tuple[Shaken, ...] = ()

    def table(self) -> Table:
        """A row a system: its means, the change with its interval and p, queries that it answers worse."""
        columns = (
            Column("system"),
            Column(self.measure, ".4f"),
            Column(f"with {self.kind}", ".4f", "then"),
            Column("change", "+.4f"),
            Column("from", "+.4f"),
            Column("to", "+.4f"),
            Column("p", ".4f"),
            Column("queries worse", ",.0f", "worse"),
            Column("better", ",.0f"),
        )
        rows: list[tuple[Cell, ...]] = []
        for each in self.systems:
            versus = each.versus
            change = (versus.difference, versus.low, versus.high, versus.p)
            rows.append((each.name, each.before, each.after, *change, versus.worse, versus.better))
        return Table(columns, tuple(rows))
