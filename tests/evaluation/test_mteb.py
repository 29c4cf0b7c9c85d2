"""MTEB tasks by name and their scores, by a package in the place of mteb."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from splade_cli.errors import InputError, ServiceError
from splade_cli.evaluation.mteb import mteb_scores, name_of_today, require_tasks

SCORES = {"NorQuadRetrieval": 0.25, "SNLRetrieval": 0.75}


def task(name: str) -> Any:
    return SimpleNamespace(metadata=SimpleNamespace(name=name))


class Mteb(ModuleType):
    """Two tasks, of which the data of one may be out of reach."""

    unreachable = ""

    def get_tasks(self, tasks: list[str] | None = None) -> list[Any]:
        for name in tasks or ():
            if name not in SCORES:
                raise KeyError(name)
        return [task(name) for name in tasks or SCORES]

    def evaluate(self, encoder: Any, tasks: list[Any], **options: Any) -> Any:
        (name,) = [each.metadata.name for each in tasks]
        if name == self.unreachable:
            raise OSError("no route\nto the hub")
        return SimpleNamespace(task_results=[SimpleNamespace(get_score=lambda: SCORES[name])])


@pytest.fixture
def mteb(monkeypatch: pytest.MonkeyPatch) -> Mteb:
    module = Mteb("mteb")
    module.__spec__ = ModuleSpec("mteb", None)
    monkeypatch.setitem(sys.modules, "mteb", module)
    return module


def test_scores_of_tasks(mteb: Mteb) -> None:
    tasks = require_tasks(["SNLRetrieval", "NorQuadRetrieval"])
    scores = mteb_scores(object(), tasks)
    assert scores == {"MTEB SNLRetrieval": 0.75, "MTEB NorQuadRetrieval": 0.25}
    assert list(scores) == ["MTEB SNLRetrieval", "MTEB NorQuadRetrieval"]


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("NorQuAD", "NorQuadRetrieval"),
        ("SNL", "SNLRetrieval"),
        ("norquadretrieval", "NorQuadRetrieval"),
        ("TV2Nord", "TV2Nordretrieval"),
        ("WikipediaMultilingual", "WikipediaRetrievalMultilingual"),
        ("NorQ", None),
        ("Twin", None),
    ],
)
def test_short_names_of_older_configurations(name: str, today: str | None) -> None:
    known = [*SCORES, "TV2Nordretrieval", "WikipediaRetrievalMultilingual", "TwinRetrieval", "Twin"]
    assert name_of_today(name, known) == today


def test_a_short_name_is_taken_and_said(mteb: Mteb, caplog: pytest.LogCaptureFixture) -> None:
    (task,) = require_tasks(["NorQuAD"])
    assert task.metadata.name == "NorQuadRetrieval"
    assert "NorQuadRetrieval is taken for it" in caplog.text


def test_an_unknown_task_is_named(mteb: Mteb) -> None:
    with pytest.raises(InputError, match="mteb has no task 'NorQuadRetrival'") as caught:
        require_tasks(["SNLRetrieval", "NorQuadRetrival"])
    assert caught.value.hint == "did you mean 'NorQuadRetrieval'?"


def test_data_out_of_reach(mteb: Mteb) -> None:
    mteb.unreachable = "SNLRetrieval"
    with pytest.raises(ServiceError, match="the data of MTEB SNLRetrieval cannot be fetched: no route$"):
        mteb_scores(object(), require_tasks(["NorQuadRetrieval", "SNLRetrieval"]))


def test_without_tasks_the_package_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    assert require_tasks([]) == []
    assert mteb_scores(object(), []) == {}
