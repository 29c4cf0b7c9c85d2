"""The report stage of a build: the model in use fused with all else, alone, and beside its base and BM25."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from splade_cli.building import fingerprints
from splade_cli.building.building import Building
from splade_cli.building.measuring import Contest, doubts, held_out
from splade_cli.building.record import REPORT, REPORT_FILE
from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.pages.page import evaluation_page
from splade_cli.evaluation.report import Report
from splade_cli.reports.curves import curves, metrics_of
from splade_cli.reports.outputs import write_page
from splade_cli.reports.page import NextStep

PAGE = "report.html"


def make_report(
    building: Building, found: Contest | None, told: Sequence[str] = (), *, with_base: bool
) -> Report | None:
    """Measures, unless it was; None where there is no query to measure on.

    Args:
        found: how the model in use was compared with another one just now.
        told: doubts of rows and model, for the page.
        with_base: the base is a sparse encoder, which can be measured beside it.

    Raises:
        InputError, ModelError: as `evaluate`.
    """
    collection = building.judged or held_out(building.data)
    if collection is None:
        return None
    base = building.options.model
    wanted = fingerprints.key(building.of_index, collection.fingerprint, base)
    path = building.output / REPORT_FILE
    if building.stands(REPORT, wanted):
        return Report.read(path)
    building.stages.append(REPORT)
    baseline = base if with_base and building.model != base else None
    report = _just_measured(found, building.model, baseline)
    if report is None:
        with building.watching.progress() as progress:
            report = building.measured(building.model, baseline, collection, progress)
    report.write(path)
    _write_page(building, report, collection, baseline, (*doubts(report), *told))
    building.keep(building.record.with_stage(REPORT, wanted))
    return report


def _just_measured(found: Contest | None, model: str, baseline: str | None) -> Report | None:
    """The report of the promotion, where it is of the same models."""
    if found is None or found.report is None or baseline is None:
        return None
    names = {system.name for system in found.report.systems}
    return found.report if {model, baseline} <= names else None


def _write_page(
    building: Building,
    report: Report,
    collection: Collection,
    baseline: str | None,
    told: tuple[str, ...],
) -> None:
    model = Path(building.model)
    rows = metrics_of(model) if model.is_dir() else []
    index = building.output / "index"
    page = evaluation_page(
        Measurement(report),
        collection,
        baseline=baseline or "",
        next_step=NextStep("Ask it yourself:", f"splade query --index {index}"),
        curves=curves(rows),
    )
    write_page(building.output / PAGE, replace(page, notes=(*told, *page.notes)))
