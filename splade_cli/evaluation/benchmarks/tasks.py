"""MTEB tasks: those of the Massive Text Embedding Benchmark that retrieve, by the names of package mteb."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from splade_cli.errors import InputError, did_you_mean

RETRIEVAL = "retrieval"
TYPES = ("Retrieval", "Reranking", "InstructionRetrieval", "InstructionReranking")
"""Types of tasks in which documents are ranked for queries, as mteb writes them."""


class TaskMetadata(Protocol):
    """What mteb says of a task."""

    name: str
    type: str
    main_score: str


class Task(Protocol):
    """A task of mteb."""

    metadata: TaskMetadata
    languages: Sequence[str]

    def load_data(self) -> None:
        """Fetches corpus, queries and judgements."""

    def unload_data(self) -> None:
        """Forgets them."""


def require_tasks(names: Sequence[str], languages: Sequence[str] = ()) -> list[Task]:
    """The tasks of these names, before anything is computed.

    Short names of older configurations, such as ``NorQuAD``, are taken for what they mean today, and said.

    Args:
        languages: only the parts of a task in one of these, as mteb writes them: ``nob``, ``eng``,
            ``nob-Latn``.

    Raises:
        InputError: mteb is not installed, a name that it does not know, a task in which nothing is retrieved,
            or one without a part in `languages`.
    """
    if not names:
        return []
    if find_spec("mteb") is None:
        raise InputError("MTEB tasks need the package mteb", 'pip install "splade-cli[mteb]"')
    tasks: list[Task] = []
    for name in dict.fromkeys(names):
        task = _task(_known_name(name), languages)
        if task.metadata.type not in TYPES:
            raise InputError(
                f"MTEB {task.metadata.name} is a task of {task.metadata.type}: a sparse encoder retrieves",
                f"tasks of {', '.join(TYPES)} can be measured",
            )
        tasks.append(task)
    return tasks


def name_of_today(name: str, known: Sequence[str]) -> str | None:
    """The one task among `known` that a short name means: the same letters, but perhaps for "Retrieval"."""
    wanted = name.casefold().removesuffix(RETRIEVAL)
    meant = [each for each in known if each.casefold().replace(RETRIEVAL, "") == wanted]
    return meant[0] if len(meant) == 1 else None


def _known_name(name: str) -> str:
    import mteb

    try:
        mteb.get_tasks(tasks=[name])
    except (KeyError, ValueError):
        known = sorted({task.metadata.name for task in mteb.get_tasks()})
        today = name_of_today(name, known)
        if today is None:
            hint = did_you_mean(name, known) or "names: mteb.get_tasks()"
            raise InputError(f"mteb has no task '{name}'", hint) from None
        logging.getLogger(__name__).warning("mteb has no task '%s': %s is taken for it", name, today)
        return today
    return name


def _task(name: str, languages: Sequence[str]) -> Task:
    import mteb

    task: Any = mteb.get_tasks(tasks=[name])[0]
    if not languages:
        return task  # type: ignore[no-any-return]
    spoken = sorted(task.languages)
    wanted = [language for language in languages if language.split("-")[0] in spoken]
    if not wanted:
        raise InputError(
            f"MTEB {name} has no part in {', '.join(languages)}, but in {', '.join(spoken)}",
            "languages go by three letters, such as nob",
        )
    return mteb.get_tasks(tasks=[name], languages=wanted)[0]  # type: ignore[no-any-return]
