"""A package in the place of mteb: tasks of three documents that are scored by their first hit."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LANGUAGES = {
    "NorQuadRetrieval": ["nob"],
    "SNLRetrieval": ["nob"],
    "WebFAQRetrieval": ["nob", "deu"],
    "STS12": ["eng"],
}
CORPUS = [
    {"id": "kiln", "title": "Kiln", "text": "The kiln fires clay at 1,060 degrees."},
    {"id": "loom", "title": "", "text": "The loom weaves wool on a warp of linen."},
    {"id": "bike", "title": "", "text": "Brakes squeal when the rim is dirty."},
]
QUERIES = [{"id": "q1", "text": "clay in a kiln"}, {"id": "q2", "text": "weave wool"}]
RELEVANT = {"q1": "kiln", "q2": "bike"}
SCORE = 0.5
"""Of any model that knows these words: the first query's document comes first, the second's does not."""


class Task:
    """A task by name; `unreachable` ones have no data."""

    unreachable: tuple[str, ...] = ()

    def __init__(self, name: str, languages: list[str] | None) -> None:
        kind = "STS" if name == "STS12" else "Retrieval"
        self.metadata = SimpleNamespace(name=name, type=kind, main_score="accuracy")
        self.languages = [each for each in LANGUAGES[name] if not languages or each in languages]
        self.loads = 0

    def load_data(self) -> None:
        if self.metadata.name in self.unreachable:
            raise ConnectionError("no route\nto the hub")
        self.loads += 1

    def unload_data(self) -> None:
        self.loads -= 1


class Mteb(ModuleType):
    """What this project asks of mteb."""

    def get_tasks(self, tasks: list[str] | None = None, languages: list[str] | None = None) -> list[Task]:
        for name in tasks or ():
            if name not in LANGUAGES:
                raise KeyError(name)
        return [Task(name, languages) for name in tasks or LANGUAGES]

    def evaluate(self, model: Any, tasks: list[Task], **options: Any) -> Any:
        (task,) = tasks
        assert task.loads == 1
        model.index(CORPUS, hf_split="test")
        found = model.search(QUERIES, top_k=1000, hf_split="test")
        first = [next(iter(found[query]), None) == document for query, document in RELEVANT.items()]
        score = sum(first) / len(first)
        measures = {"accuracy": score, "main_score": score, "ndcg_at_10": score, "nauc_x": 0.1}
        measures |= {"hf_subset": "default", "languages": [f"{each}-Latn" for each in task.languages]}
        document = {"task_name": task.metadata.name, "scores": {"test": [measures]}, "date": None}
        return SimpleNamespace(task_results=[SimpleNamespace(model_dump=lambda mode: document)])


def install(monkeypatch: pytest.MonkeyPatch, *unreachable: str) -> Mteb:
    """Puts it in the place of mteb, installed or not; tasks named `unreachable` have no data."""
    module = Mteb("mteb")
    module.__spec__ = ModuleSpec("mteb", None)
    models = ModuleType("mteb.models")
    models.ModelMeta = SimpleNamespace(create_empty=lambda overwrites: SimpleNamespace(**overwrites))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mteb", module)
    monkeypatch.setitem(sys.modules, "mteb.models", models)
    monkeypatch.setattr(Task, "unreachable", unreachable)
    return module
