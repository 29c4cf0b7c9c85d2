"""Report for readers, as data: a verdict and paragraphs, facts, plots, tables, and hits side by side.

Whatever is reported is put into a `Page` by the folder that knows it; `html` and `markdown` render it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from splade_cli.reports.plot import Plot
from splade_cli.reports.side_by_side import SideBySide
from splade_cli.reports.table import Table

FORMAT = 1
GENERATOR = "splade-cli report"
"""Stands in each rendered page, so that a file is known as one."""


@dataclass(frozen=True)
class Fact:
    """A figure that is shown large: ``nDCG@10``, ``0.659``, and what it means in a few words."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class NextStep:
    """What to do next, in a sentence, and the command that does it."""

    sentence: str
    command: str


@dataclass(frozen=True)
class Section:
    """A table under its title.

    Attributes:
        remark: how it is to be read.
        shown: rows in Markdown; None for all of them.
    """

    title: str
    table: Table
    remark: str = ""
    shown: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Title, remark, headers and rows."""
        return {"title": self.title, "remark": self.remark, **self.table.to_json()}


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: what was done to what.
        subtitle: how much of it, and where.
        verdict: the answer, in a sentence.
        paragraphs: reasons, in plain words.
        notes: what to bear in mind.
        hits: rankings of systems for single queries, where there are any.
    """

    title: str
    verdict: str
    subtitle: str = ""
    paragraphs: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    next_step: NextStep | None = None
    plots: tuple[Plot, ...] = ()
    sections: tuple[Section, ...] = ()
    hits: SideBySide | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        document: dict[str, Any] = {"format": FORMAT, "generator": GENERATOR}
        for name in ("title", "subtitle", "verdict"):
            document[name] = getattr(self, name)
        document["paragraphs"] = list(self.paragraphs)
        document["facts"] = [asdict(fact) for fact in self.facts]
        document["next"] = None if self.next_step is None else asdict(self.next_step)
        document["plots"] = [asdict(plot) for plot in self.plots]
        document["tables"] = [section.to_json() for section in self.sections]
        document["hits"] = None if self.hits is None else self.hits.to_json()
        document["notes"] = list(self.notes)
        return document
