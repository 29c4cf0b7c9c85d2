"""An evaluation as a run of an experiment tracker: figures of all systems, and its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from splade_cli.config.sections.training import TRACKERS
from splade_cli.errors import OptionError
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.report import Report
from splade_cli.reports.outputs import write_page
from splade_cli.reports.page import Page
from splade_cli.storage.files import temporary_folder, write_json
from splade_cli.training.tracking.trackers import followed, require_tracking, tracking_callbacks

RUNS = "runs"


@dataclass(frozen=True)
class TrackedIn:
    """A tracker, and where it keeps runs.

    Attributes:
        tracker: one of TRACKERS.
        place: of MLflow the tracking URI, by default as `mlflow_log.tracking_store` finds it; of TensorBoard
            the log folder, by default RUNS.
    """

    tracker: str
    place: str = ""

    @classmethod
    def parse(cls, text: str) -> TrackedIn:
        """``mlflow``, ``mlflow=URI``, ``tensorboard``, ``tensorboard=FOLDER``.

        Raises:
            InputError: another tracker, one that is not installed, or a store that cannot be written.
            ServiceError: an MLflow server that does not answer.
        """
        tracker, _, place = text.partition("=")
        if tracker not in TRACKERS:
            raise OptionError(
                f"no tracker '{tracker}'", f"one of {', '.join(TRACKERS)}, such as mlflow=mlruns"
            )
        require_tracking([tracker], place or None)
        return cls(tracker, place)


def track(measured: Measurement, page: Page, name: str, places: Sequence[TrackedIn]) -> list[str]:
    """Writes a run `name` of what was measured to each place, and gives what shows each of them.

    The first system's figures go by their names, those of others below the system's; MLflow gets the page
    and the JSON report as files, TensorBoard the page as a text.

    Raises:
        ServiceError: MLflow's store cannot be written.
    """
    viewers = []
    for each in places:
        logs = Path(each.place or RUNS).absolute()
        with temporary_folder() as folder:
            trackers = tracking_callbacks(
                [each.tracker],
                folder,
                logging_dir=logs / f"{name.replace('/', '-')} {datetime.now():%Y-%m-%d %H.%M.%S}",
                run_name=name,
                mlflow={"tracking_uri": each.place or None},
                parameters=_parameters(measured),
            )
            files = [folder / "report.html", folder / "report.json"]
            write_page(files[0], page)
            write_json(files[1], measured.to_json())
            with followed(trackers):
                for tracker in trackers:
                    tracker.record({"step": 0, **_figures(measured)})
                    tracker.tell(page)
                    tracker.keep(files)
            if each.tracker == "tensorboard":
                viewers.append(f"tensorboard --logdir {shlex.quote(str(logs))}")
            else:
                viewers += [tracker.viewer for tracker in trackers]
    return viewers


def _figures(measured: Measurement) -> dict[str, object]:
    """Numbers by name; of several collections each below its own name."""
    figures: dict[str, object] = {}
    for report in measured.reports:
        above = "" if report is measured.report else f"{report.collection}/"
        figures.update({f"{above}{name}": value for name, value in _of_report(report).items()})
    for score in measured.tasks:
        if score.main_score is not None:
            figures[score.task] = score.main_score
    return figures


def _of_report(report: Report) -> dict[str, float]:
    figures: dict[str, float] = {}
    for number, system in enumerate(report.systems):
        above = f"{system.name}/" if number else ""
        figures.update({f"{above}{name}": value for name, value in system.figures.items()})
        if system.cost is not None:
            figures[f"{above}query p50, ms"] = system.cost.total_p50
            figures[f"{above}query p95, ms"] = system.cost.total_p95
            figures[f"{above}index, MB"] = system.cost.index_megabytes
    return figures


def _parameters(measured: Measurement) -> dict[str, object]:
    """What was measured, and on what."""
    if measured.report is None:
        return {}
    report = measured.report
    return {
        "system": report.systems[0].name,
        "collection": report.collection,
        "split": report.split,
        "documents": report.documents,
        "queries": report.queries,
        "device": report.device,
    }
