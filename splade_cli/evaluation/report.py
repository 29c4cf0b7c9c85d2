"""Report of an evaluation: what each system reached and cost, as a document to write, read back and draw."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from splade_cli.datasets.formats.trec import Run
from splade_cli.errors import InputError
from splade_cli.evaluation.analysis.lost import Analysis
from splade_cli.evaluation.analysis.robustness import Robustness
from splade_cli.evaluation.costs import Cost, Sparsity
from splade_cli.evaluation.fitting import Fitted
from splade_cli.evaluation.machine import Machine
from splade_cli.evaluation.metrics import PerQuery
from splade_cli.evaluation.significance import Comparison
from splade_cli.reports.table import Cell, Column, Table
from splade_cli.storage.files import open_text, write_json

FORMAT = 1
COMPARED_ON = "nDCG@10"
ALONE = " alone against "
"""In a note that compares what is fused in the first row, by itself, with a baseline."""

_COSTS = (
    Column("system"),
    Column("active terms, query", ".1f", "query terms"),
    Column("active terms, document", ".1f", "document terms"),
    Column("zeros in a document", ".2%", "zeros"),
    Column("FLOPS", ".2f"),
    Column("index, MB", ".2f", "MB"),
    Column("query p50, ms", ".1f", "ms p50"),
    Column("query p95, ms", ".1f", "ms p95"),
    Column("encoding p50, ms", ".1f", "encoding p50"),
    Column("encoding p95, ms", ".1f", "encoding p95"),
    Column("query p99, ms", ".1f", "ms p99"),
    Column("encoding p99, ms", ".1f", "encoding p99"),
    Column("ranking p50, ms", ".2f", "ranking p50"),
    Column("ranking p95, ms", ".2f", "ranking p95"),
    Column("ranking p99, ms", ".2f", "ranking p99"),
    Column("queries/s, in batches", ".0f", "queries/s"),
    Column("texts/s, indexing", ".1f", "texts/s"),
    Column("terms, query: min/p50/p95/max"),
    Column("terms, document: min/p50/p95/max"),
    Column("postings in the longest 1%", ".1%", "in longest 1%"),
)


_COST_NAMES = [column.name for column in _COSTS]


_COMPARED = (
    Column("system"),
    Column("difference", "+.4f"),
    Column("low", "+.4f"),
    Column("high", "+.4f"),
    Column("p", ".4f"),
    Column("p, Holm", ".4f", "p (Holm)"),
    Column("wins", ".0f"),
    Column("ties", ".0f"),
    Column("losses", ".0f"),
)


@dataclass(frozen=True)
class SystemResult:
    """What one system reached.

    Attributes:
        figures: the mean of each measure.
        values: each measure by query; empty in a report that was written without them.
        cost: of a sparse system.
        versus: the first system's lead over this one; None for the first itself, and for earlier results of
            which only means are known.
        options: the search options that are not those of `search` without any.
        run: documents and scores by query; no part of a written report, `write_run` writes it.
    """

    name: str
    figures: Annotated[dict[str, float], Field(alias="measures")]
    values: Annotated[PerQuery, Field(alias="per_query")] = field(default_factory=dict)
    cost: Cost | None = None
    versus: Annotated[Comparison | None, Field(alias="versus_first")] = None
    options: dict[str, JsonValue] = field(default_factory=dict)
    run: Annotated[Run, Field(exclude=True)] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Report:
    """Systems on one collection; the evaluated one first.

    Attributes:
        compared_on: the measure of each system's `versus`.
        notes: what to bear in mind, in sentences.
        fitted: fusion weights, where some were fitted.
        machine: what it was measured on, None in older ones.
        analysis: of the first system's failures, where it was asked for.
        robustness: of all systems that can be asked again, a record a kind of change that was asked for.
        fingerprint: of documents, queries and judgements, see `Collection.fingerprint`; empty in older ones.
    """

    collection: str
    split: str
    documents: int
    queries: int
    systems: tuple[SystemResult, ...]
    device: str = ""
    machine: Machine | None = None
    analysis: Analysis | None = None
    robustness: tuple[Robustness, ...] = ()
    compared_on: str = COMPARED_ON
    notes: tuple[str, ...] = ()
    fitted: Annotated[Fitted | None, Field(alias="fusion")] = None
    fingerprint: str = ""
    format: int = FORMAT

    def quality_table(self) -> Table:
        """A row a system: its measures, then its gain over the first one and the corrected p-value of that.

        A system of which only means are known has a gain and no p-value.
        """
        measures = list(dict.fromkeys(name for system in self.systems for name in system.figures))
        figures = [Column(name, ".4f") for name in measures]
        rows: list[tuple[Cell, ...]] = []
        for system in self.systems:
            gain: tuple[Cell, Cell] = (None, None)
            if system.versus is not None:
                gain = (0 - system.versus.difference, system.versus.p)
            elif system is not self.systems[0] and self.compared_on in system.figures:
                gain = (system.figures[self.compared_on] - self.systems[0].figures[self.compared_on], None)
            rows.append((system.name, *(system.figures.get(name) for name in measures), *gain))
        columns = (Column("system"), *figures, Column("gain", "+.4f"), Column("p", ".4f"))
        return Table(columns, tuple(rows))

    def comparison_table(self) -> Table:
        """A row a system that was tested against the first one: its lead, and on how many queries it wins.

        The interval is the 95% bootstrap interval of the lead; p is of the paired randomisation test, beside
        it what Holm's correction makes of it.
        """
        rows: list[tuple[Cell, ...]] = []
        for system in self.systems:
            versus = system.versus
            if versus is not None:
                lead = (0 - versus.difference, 0 - versus.high, 0 - versus.low)
                counts = (float(versus.worse), float(versus.ties), float(versus.better))
                rows.append((system.name, *lead, versus.p_value, versus.p, *counts))
        return Table(_COMPARED, tuple(rows))

    def cost_table(self) -> Table:
        """A row a system whose costs are known: terms, FLOPS, megabytes of postings, milliseconds a query.

        Reports of before some of these were measured have no column for them.
        """
        rows: list[tuple[Cell, ...]] = []
        for system in self.systems:
            if system.cost is not None:
                rows.append((system.name, *_cost_cells(system.cost)))
        known = [name for name, *cells in zip(_COST_NAMES, *rows, strict=True) if set(cells) != {None}]
        return Table(_COSTS, tuple(rows)).only(known)

    def to_json(self, per_query: bool = True) -> dict[str, JsonValue]:
        """All but the runs; without values of single queries on demand."""
        excluded: dict[str, Any] = {}
        if not per_query:
            excluded = {"systems": {"__all__": {"values"}}, "fitted": {"held_out"}}
        written: dict[str, JsonValue] = _adapter().dump_python(
            self, mode="json", by_alias=True, exclude_none=True, exclude=excluded
        )
        return written

    @classmethod
    def from_json(cls, document: JsonValue) -> Report:
        """The report that `to_json` wrote. Raises InputError for anything else."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(
                f"no report of format {FORMAT}", "splade evaluate --report report.json writes one"
            )
        try:
            return _adapter().validate_python(document)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"the report is damaged at {where}: {first['msg']}", "write it again") from None

    def write(self, path: Path | str) -> None:
        """Writes `to_json` to a file."""
        write_json(Path(path), self.to_json(), alone=True)

    @classmethod
    def read(cls, path: Path | str) -> Report:
        """The report in a file of `write`. Raises InputError where there is none."""
        with open_text(Path(path)) as lines:
            text = "".join(lines)
        try:
            return cls.from_json(json.loads(text))
        except json.JSONDecodeError as error:
            raise InputError(f"{path} is not JSON ({error.msg})", "is it a report?") from None
        except InputError as error:
            raise InputError(f"{path}: {error.message}", error.hint, option=error.option) from None


def _cost_cells(cost: Cost) -> tuple[Cell, ...]:
    return (
        None if cost.queries is None else cost.queries.mean,
        None if cost.documents is None else cost.documents.mean,
        None if cost.documents is None else cost.documents.zeros,
        cost.flops,
        cost.index_megabytes,
        cost.total_p50,
        cost.total_p95,
        cost.encode_p50,
        cost.encode_p95,
        cost.total_p99,
        cost.encode_p99,
        cost.search_p50,
        cost.search_p95,
        cost.search_p99,
        cost.queries_per_second,
        cost.texts_per_second,
        _spread(cost.queries),
        _spread(cost.documents),
        cost.longest_share,
    )


def _spread(counted: Sparsity | None) -> str | None:
    """Smallest, median, 95th percentile and largest number of active terms."""
    if counted is None or counted.smallest is None or counted.largest is None:
        return None
    return f"{counted.smallest}/{counted.median:.0f}/{counted.p95:.0f}/{counted.largest}"


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)
