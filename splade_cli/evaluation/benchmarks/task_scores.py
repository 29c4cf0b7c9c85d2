"""Scores on MTEB tasks: measured by the package mteb, and read from the files that it or others wrote."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import JsonValue

from splade_cli.datasets.hub import offline_if_unreachable
from splade_cli.errors import ServiceError
from splade_cli.evaluation.benchmarks.task_search import TaskSearch
from splade_cli.evaluation.benchmarks.tasks import Task
from splade_cli.hub import first_line, hub_answers, hub_failure
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, silent
from splade_cli.storage.machine_faults import raise_machine_error

NDCG = "ndcg_at_10"
MAIN = "main_score"
ABSTENTION = "nauc_"
"""Before measures of how well a score tells whether to answer, of which mteb has a hundred a task."""
Parts = dict[str, list[dict[str, float]]]
"""The measures of each part of a task, mostly a language, by the split that they are of."""


@dataclass(frozen=True)
class TaskScore:
    """What a model reached on a task.

    Attributes:
        parts: measures by mteb's names, such as ``ndcg_at_10``, and ``main_score``.
        languages: of the parts, where they are known.
        document: mteb's own TaskResult as JSON, of a task that was measured here.
    """

    task: str
    parts: Parts
    languages: tuple[str, ...] = ()
    document: dict[str, JsonValue] | None = field(default=None, compare=False, repr=False)

    @property
    def main_score(self) -> float | None:
        """The mean of the task's main score over its splits and languages."""
        return self.mean(MAIN)

    @property
    def ndcg(self) -> float | None:
        """The same of nDCG@10; None where the task was measured otherwise."""
        return self.mean(NDCG)

    def mean(self, measure: str, splits: Iterable[str] | None = None) -> float | None:
        """The mean of a measure over the parts of `splits`, of all by default; None where one lacks it."""
        values = [
            part.get(measure, math.nan)
            for split in (self.parts if splits is None else splits)
            for part in self.parts[split]
        ]
        mean = sum(values) / len(values) if values else math.nan
        return mean if math.isfinite(mean) else None

    def summary(self) -> dict[str, JsonValue]:
        """``{split: {measure: mean over its parts}}``, the shape of upstream's summaries."""
        document: dict[str, JsonValue] = {}
        for split, parts in self.parts.items():
            names = dict.fromkeys(name for part in parts for name in part if not name.startswith(ABSTENTION))
            means = {name: self.mean(name, [split]) for name in names}
            document[split] = {name: value for name, value in means.items() if value is not None}
        return document


def score_tasks(
    embedder: SpladeEmbedder, tasks: Sequence[Task], progress: Progress = silent
) -> list[TaskScore]:
    """What a model reaches on `tasks`, from `tasks.require_tasks`; mteb scores what our search ranks.

    Raises:
        ServiceError: a task's data cannot be fetched.
    """
    if not tasks:
        return []
    import mteb
    from datasets import disable_progress_bars
    from mteb.models import ModelMeta

    for name in ("mteb", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    disable_progress_bars()  # ours says how far it is
    meta = ModelMeta.create_empty({"name": f"splade/{embedder.loaded.model.name}"})
    scores = []
    for task in tasks:
        search = TaskSearch(embedder, meta, progress)
        with _fetching(task.metadata.name):
            task.load_data()
        results = mteb.evaluate(search, [task], cache=None, show_progress_bar=False)
        task.unload_data()
        document = results.task_results[0].model_dump(mode="json")
        scores.append(replace(of_task_result(document), document=document))
    return scores


def require_data(tasks: Sequence[Task]) -> None:
    """Raises ServiceError where the hub does not answer and data of `tasks` were not fetched before."""
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE and hub_answers():
        return
    for task in tasks:
        with _fetching(task.metadata.name):
            task.load_data()
        task.unload_data()


@contextmanager
def _fetching(name: str) -> Iterator[None]:
    """Says of a task's data that they cannot be fetched where that is what failed."""
    try:
        with offline_if_unreachable():
            yield
    except Exception as error:
        failure = hub_failure(error)
        if failure is None:
            raise_machine_error(error)
        if failure is None and not isinstance(error, OSError):
            raise
        raise ServiceError(
            f"the data of MTEB {name} cannot be fetched: {first_line(error)}",
            "run it where the hub can be reached, or leave the task out",
        ) from None


def of_task_result(document: Mapping[str, Any]) -> TaskScore:
    """The score in a document of mteb's TaskResult: ``{"task_name", "scores": {split: [{...}]}}``."""
    parts: Parts = {}
    languages: dict[str, None] = {}
    for split, subsets in document["scores"].items():
        parts[split] = [numbers(subset) for subset in subsets]
        languages.update(dict.fromkeys(each for subset in subsets for each in subset.get("languages", ())))
    return TaskScore(str(document["task_name"]), parts, tuple(languages))


def numbers(measures: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers among measures."""
    found: dict[str, float] = {}
    for name, value in measures.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found[name] = float(value)
    return found
