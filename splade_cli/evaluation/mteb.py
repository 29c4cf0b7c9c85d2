"""A trained model and names of MTEB tasks in, their main scores out; the tasks' data come from the hub.

Needs the package mteb. Knows no loop and no validation rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from splade_cli.errors import InputError, ServiceError, did_you_mean


def require_tasks(names: Sequence[str]) -> list[Any]:
    """The tasks of these names, before anything is computed.

    Raises:
        InputError: mteb is not installed, or a name that it does not know.
    """
    if not names:
        return []
    if find_spec("mteb") is None:
        raise InputError("evaluation.mteb_tasks needs the package mteb", 'pip install "splade-cli[mteb]"')
    import mteb

    tasks = []
    for name in names:
        try:
            tasks += list(mteb.get_tasks(tasks=[name]))
        except (KeyError, ValueError):
            known = sorted({task.metadata.name for task in mteb.get_tasks()})
            raise InputError(
                f"mteb has no task '{name}'", did_you_mean(name, known) or "names: mteb.get_tasks()"
            ) from None
    return tasks


def mteb_scores(encoder: Any, tasks: Sequence[Any]) -> dict[str, float]:
    """``MTEB <task>``: the task's main score, a mean over its splits and languages.

    Args:
        encoder: a sentence-transformers SparseEncoder.
        tasks: from `require_tasks`.

    Raises:
        ServiceError: a task's data cannot be fetched.
    """
    scores: dict[str, float] = {}
    if not tasks:
        return scores
    import mteb

    for task in tasks:
        name = task.metadata.name
        try:
            found = mteb.evaluate(encoder, [task], cache=None, show_progress_bar=False)
        except OSError as error:
            raise ServiceError(
                f"the data of MTEB {name} cannot be fetched: {str(error).splitlines()[0][:160]}",
                "the model is saved; run MTEB on it where the hub can be reached",
            ) from None
        scores[f"MTEB {name}"] = float(found.task_results[0].get_score())
    return scores
