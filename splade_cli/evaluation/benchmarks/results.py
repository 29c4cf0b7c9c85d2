"""Files of results: reports of `splade evaluate`, result files of mteb, and summaries of MTEB runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.benchmarks.task_scores import TaskScore, numbers, of_task_result
from splade_cli.evaluation.report import Report
from splade_cli.storage.files import open_text, write_json
from splade_cli.storage.outputs import make_folder

ENDING = ".json"
FINAL = "final"
"""The folder of the model in a run's folder."""
REPORTS = "reports"
MTEB = "mteb"


@dataclass(frozen=True)
class Results:
    """What a file of results holds: reports on collections, scores on MTEB tasks by their names, or both."""

    path: Path
    reports: tuple[Report, ...]
    tasks: Mapping[str, TaskScore]

    def report_on(self, collection: Collection) -> Report | None:
        """The report on a collection, if there is one: by its fingerprint, or by its name and split."""
        for report in self.reports:
            if report.fingerprint and report.fingerprint == collection.fingerprint:
                return report
        for report in self.reports:
            if (report.collection, report.split) == (collection.name, collection.split):
                return report
        return None

    def require_common(self, collections: Sequence[Collection], tasks: Sequence[str]) -> None:
        """Raises InputError where it holds results on none of `collections` and none of `tasks`."""
        if any(self.report_on(each) for each in collections) or any(task in self.tasks for task in tasks):
            return
        held = [f"{report.collection} ({report.split})" for report in self.reports] + list(self.tasks)
        raise InputError(
            f"{self.path} has no results on what is to be measured, but on {', '.join(held)}",
            "measure one of these, or name a model as the baseline",
        )


def read_results(path: Path) -> Results:
    """The results in a file.

    Read are a report of `splade evaluate --report`; a file of mteb's, of one task, of a model, or as before
    mteb 1.11; and summaries ``{task: {split: {measure: value}}}``, whose task may stand in itself once more.

    Raises:
        InputError: not readable, not JSON, or without any results.
    """
    with open_text(path) as lines:
        text = "".join(lines)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not JSON", "a baseline is a model, or a file of results") from None
    try:
        reports = [Report.from_json(each) for each in _reports(document)]
    except InputError as error:
        raise InputError(f"{path}: {error.message}", error.hint) from None
    tasks = {score.task: score for score in _tasks(document) if score.parts}
    if not reports and not tasks:
        raise InputError(
            f"{path} holds no results",
            "it may be a report of `splade evaluate --report`, or a result file or summary of MTEB",
        )
    return Results(path, tuple(reports), tasks)


def write_results(folder: Path, model: str, scores: Sequence[TaskScore], when: datetime) -> Path:
    """Writes ``<model>/<task>.json``, which mteb reads, and a summary of all tasks, whose path is returned.

    Args:
        model: as the user called it.
        when: goes into the summary's name.
    """
    name = file_name(model)
    make_folder(folder / name)
    for score in scores:
        if score.document is not None:
            write_json(folder / name / f"{score.task}{ENDING}", score.document)
    path = folder / f"{name}_summary_{when:%Y%m%d_%H%M%S}{ENDING}"
    write_json(path, summary(scores))
    return path


def summary(scores: Sequence[TaskScore]) -> dict[str, Any]:
    """``{task: {split: {measure: value}}}``."""
    return {score.task: score.summary() for score in scores}


def file_name(model: str) -> str:
    """A model's name as a file's: its folder's, its run's where that is ``final``, or its hub id."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model.replace("/", "__")
    folder = folder.resolve()
    return folder.parent.name if folder.name == FINAL and folder.parent.name else folder.name


def _reports(document: Any) -> list[Any]:
    if not isinstance(document, dict):
        return []
    if "systems" in document:
        return [document]
    reports = document.get(REPORTS, [])
    return reports if isinstance(reports, list) else []


def _tasks(document: Any) -> list[TaskScore]:
    """All scores on tasks in a document, whatever its shape."""
    if isinstance(document, list):
        return [score for each in document for score in _tasks(each)]
    if not isinstance(document, dict) or "systems" in document:
        return []
    if MTEB in document:
        return _tasks(document[MTEB])
    if "task_results" in document:
        return _tasks(document["task_results"])
    if "task_name" in document:
        return _of_mteb(document)
    if "mteb_dataset_name" in document:
        return [_of_splits(str(document["mteb_dataset_name"]), document)]
    scores = []
    for task, splits in document.items():
        if isinstance(splits, dict):
            scores.append(_of_splits(task, splits[task] if isinstance(splits.get(task), dict) else splits))
    return scores


def _of_mteb(document: dict[str, Any]) -> list[TaskScore]:
    try:
        return [of_task_result(document)]
    except (AttributeError, KeyError, TypeError):
        return []


def _of_splits(task: str, splits: Mapping[str, Any]) -> TaskScore:
    """Measures by split; an older file may have those of each language below its split."""
    parts: dict[str, list[dict[str, float]]] = {}
    for split, measures in splits.items():
        if not isinstance(measures, dict):
            continue
        own = numbers(measures)
        below = [numbers(each) for each in measures.values() if isinstance(each, dict)]
        found = [own] if own.keys() - {"evaluation_time"} else [each for each in below if each]
        if found:
            parts[split] = found
    return TaskScore(task, parts)
