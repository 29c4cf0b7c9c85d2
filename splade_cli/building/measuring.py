"""Measurement of a build: which of two models is promoted, how the folder is best searched, the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.evaluation.significance import DECIMALS, LEVEL, Comparison, compare
from splade_cli.evaluation.systems.system import short
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, silent

MEASURE = "nDCG@10"
HELD_OUT = "val"
FEW_QUERIES = 30
ANSWERED = 0.98
"""nDCG@10 from which on there is nothing left to be better at."""
Measure = Callable[[str, str | None, Collection, Progress], Report]
"""Measures a model beside a baseline."""
MeasureWith = Callable[[str, str | None, Collection, DenseEncoder | None, Progress], Report]
"""The same with a dense model, as `measured` does."""


@dataclass(frozen=True)
class Contest:
    """A new model against the one in use, on the same queries.

    Attributes:
        against: the one in use.
        report: of the new model, with the other one as its baseline; None without queries.
        versus: the lead of the new one; None without queries.
    """

    against: str
    report: Report | None = None
    versus: Comparison | None = None

    @property
    def promoted(self) -> bool:
        """Whether the new model is no worse by its mean; without a query nothing speaks against it."""
        return self.versus is None or round(self.versus.difference, DECIMALS) >= 0

    @property
    def sentence(self) -> str:
        """What was found, and what follows."""
        if self.versus is None or self.report is None:
            return "the trained model is used, though there is no held-out query to compare it on"
        lead = (
            f"{self.versus.difference:+.4f} {MEASURE} [{self.versus.low:+.4f}, {self.versus.high:+.4f}], "
            f"p = {self.versus.p_value:.4f}, {self.versus.queries} queries of {self.report.collection}"
        )
        if self.promoted:
            return f"the trained model is used: against {self.against} {lead}"
        chance = "" if self.versus.significant else ", which may be chance"
        return f"the trained model is not used, {self.against} stays: its mean is lower, {lead}{chance}"


@dataclass(frozen=True)
class SearchMode:
    """How a folder is best searched, with the reason."""

    mode: str
    sentence: str


def held_out(data: Path) -> Collection | None:
    """The queries that were held out when training rows were made; None where there is none."""
    try:
        return load_collection(data, HELD_OUT)
    except InputError:
        return None


def contest(
    candidate: str, incumbent: str, collection: Collection | None, measure: Measure, progress: Progress
) -> Contest:
    """Measures two models. Raises InputError, ModelError as `measure` does."""
    if collection is None:
        return Contest(incumbent)
    report = measure(candidate, incumbent, collection, progress)
    values = {system.name: system.values[MEASURE] for system in report.systems}
    return Contest(incumbent, report, compare(values[candidate], values[incumbent]))


def measured(
    model: str,
    baseline: str | None,
    collection: Collection,
    dense: DenseEncoder | None = None,
    progress: Progress = silent,
) -> Report:
    """A model fused with BM25 and a dense model, each of them alone, and a baseline."""
    other = None if baseline is None else SpladeEmbedder(baseline)
    return evaluate(
        SpladeEmbedder(model), collection, baseline=other, dense=dense, hybrid=False, progress=progress
    )


def doubts(report: Report) -> tuple[str, ...]:
    """What speaks against trusting a report, in sentences."""
    told = []
    if report.queries < FEW_QUERIES:
        told.append(f"only {report.queries} queries: a few hundredths may be chance, judge more of them")
    if all(system.figures.get(MEASURE, 0.0) >= ANSWERED for system in report.systems):
        told.append("nearly all queries are answered already, by every system: they tell no models apart")
    return tuple(told)


def best_mode(report: Report, model: str, dense: str | None = None) -> SearchMode:
    """The part that alone is significantly better than all fused, with regard to how many are tried."""
    fused = report.systems[0]
    found: list[tuple[float, str, Comparison]] = []
    parts = _parts(report, model, dense)
    for mode, system in parts.items():
        versus = compare(system.values[MEASURE], fused.values[MEASURE])
        if versus.difference > 0 and versus.p_value < LEVEL / len(parts):
            found.append((versus.difference, mode, versus))
    if not found:
        return SearchMode(
            "auto",
            f"auto, all parts fused: none alone is significantly better on {report.queries} queries",
        )
    _, mode, versus = max(found)
    return SearchMode(
        mode,
        f"{mode}: alone {versus.difference:+.4f} {MEASURE} against all parts fused, p = {versus.p_value:.4f}",
    )


def _parts(report: Report, model: str, dense: str | None) -> dict[str, SystemResult]:
    parts = {}
    for system in report.systems[1:]:
        # a report that stands may have been made from another working folder
        if Path(system.name).parts[-2:] == Path(model).parts[-2:]:
            parts["sparse"] = system
        elif system.name.startswith("BM25"):
            parts["bm25"] = system
        elif dense is not None and system.name == short(dense):
            parts["dense"] = system
    return parts
