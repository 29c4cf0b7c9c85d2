"""MTEB: scores of a sparse encoder on tasks of the Massive Text Embedding Benchmark, by the package mteb.

The tasks' data come from the hub.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from splade_cli.errors import InputError, ServiceError, did_you_mean
from splade_cli.storage.machine_faults import raise_machine_error

if TYPE_CHECKING:
    from sentence_transformers import SparseEncoder

MESSAGE_LENGTH = 160
RETRIEVAL = "retrieval"


class TaskMetadata(Protocol):
    """What mteb says of a task."""

    name: str


class Task(Protocol):
    """A task of mteb."""

    metadata: TaskMetadata


def require_tasks(names: Sequence[str]) -> list[Task]:
    """The tasks of these names, before anything is computed.

    Short names of older configurations, such as ``NorQuAD``, are taken for what they mean today, and said.

    Raises:
        InputError: mteb is not installed, or a name that it does not know.
    """
    if not names:
        return []
    if find_spec("mteb") is None:
        raise InputError("evaluation.mteb_tasks needs the package mteb", 'pip install "splade-cli[mteb]"')
    import mteb

    tasks: list[Task] = []
    for name in names:
        try:
            tasks += mteb.get_tasks(tasks=[name])
        except (KeyError, ValueError):
            known = sorted({task.metadata.name for task in mteb.get_tasks()})
            today = name_of_today(name, known)
            if today is None:
                hint = did_you_mean(name, known) or "names: mteb.get_tasks()"
                raise InputError(f"mteb has no task '{name}'", hint) from None
            logging.getLogger(__name__).warning("mteb has no task '%s': %s is taken for it", name, today)
            tasks += mteb.get_tasks(tasks=[today])
    return tasks


def name_of_today(name: str, known: Sequence[str]) -> str | None:
    """The one task among `known` that a short name means: the same letters, but perhaps for "Retrieval"."""
    wanted = name.casefold().removesuffix(RETRIEVAL)
    meant = [each for each in known if each.casefold().replace(RETRIEVAL, "") == wanted]
    return meant[0] if len(meant) == 1 else None


def mteb_scores(encoder: SparseEncoder, tasks: Sequence[Task]) -> dict[str, float]:
    """``MTEB <task>``: the task's main score, a mean over its splits and languages.

    Args:
        tasks: from `require_tasks`.

    Raises:
        ServiceError: a task's data cannot be fetched.
    """
    if not tasks:
        return {}
    import mteb

    scores: dict[str, float] = {}
    for task in tasks:
        name = task.metadata.name
        try:
            results = mteb.evaluate(encoder, [task], cache=None, show_progress_bar=False)
        except OSError as error:
            raise_machine_error(error)
            reason = str(error).splitlines()[0][:MESSAGE_LENGTH]
            raise ServiceError(
                f"the data of MTEB {name} cannot be fetched: {reason}",
                "the model is saved; run MTEB on it where the hub can be reached",
            ) from None
        scores[f"MTEB {name}"] = float(results.task_results[0].get_score())
    return scores
