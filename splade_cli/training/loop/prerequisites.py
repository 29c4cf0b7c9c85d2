"""Prerequisites of a run: what it needs beside rows and a base model, found out before either is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splade_cli.config.schema import Config
from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.evaluation.benchmarks.nano_beir import nano_collections
from splade_cli.evaluation.benchmarks.task_scores import require_data
from splade_cli.evaluation.benchmarks.tasks import Task, require_tasks
from splade_cli.training.loop.arguments import best_measure
from splade_cli.training.publishing.publish import require_push
from splade_cli.training.teachers.kinds import require_teachers
from splade_cli.training.tracking.trackers import require_tracking


@dataclass(frozen=True)
class Prerequisites:
    """What was found.

    Attributes:
        tasks: of MTEB, for the finished model.
        nano_beir: collections for validation, where NanoBEIR is asked for.
        guard: the collection that must not get worse.
    """

    tasks: Sequence[Task] = ()
    nano_beir: Sequence[Collection] = ()
    guard: Collection | None = None


def require_prerequisites(config: Config) -> Prerequisites:
    """Finds all of it; a run that is refused here has left nothing behind.

    Raises:
        InputError, ModelError, ServiceError: an unknown measure, teacher, tracker, task or collection, a
            package that is not installed, data that cannot be fetched, a store or a hub that does not answer.
    """
    settings = config.training
    measured = config.evaluation
    best_measure(config)
    require_teachers(config.loss.teachers)
    require_tracking(settings.report_to, config.mlflow.tracking_uri)
    tasks = require_tasks(measured.mteb_tasks)
    nano: list[Collection] = []
    if measured.evaluator == "sparse_nanobeir":
        nano = nano_collections(measured.nanobeir_datasets)
    guard = None if measured.guard is None else load_collection(Path(measured.guard))
    require_data(tasks)
    if settings.push_to_hub:
        require_push(settings.hub_model_id)
    return Prerequisites(tasks, nano, guard)
