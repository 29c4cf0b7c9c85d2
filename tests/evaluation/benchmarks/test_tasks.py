"""MTEB tasks by name, by a package in the place of mteb."""

from __future__ import annotations

import sys

import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation.benchmarks.tasks import name_of_today, require_tasks
from tests.evaluation.benchmarks.stand_in import Mteb, install


@pytest.fixture
def mteb(monkeypatch: pytest.MonkeyPatch) -> Mteb:
    return install(monkeypatch)


def test_tasks_stay_in_their_order(mteb: Mteb) -> None:
    tasks = require_tasks(["WebFAQRetrieval", "NorQuadRetrieval", "WebFAQRetrieval"])
    assert [task.metadata.name for task in tasks] == ["WebFAQRetrieval", "NorQuadRetrieval"]
    assert tasks[0].languages == ["nob", "deu"]


def test_only_the_parts_of_a_language(mteb: Mteb) -> None:
    (task,) = require_tasks(["WebFAQRetrieval"], ["nob"])
    assert task.languages == ["nob"]
    (task,) = require_tasks(["WebFAQRetrieval"], ["eng", "deu"])
    assert task.languages == ["deu"], "one of the languages is enough"
    with pytest.raises(InputError, match="MTEB NorQuadRetrieval has no part in deu, but in nob"):
        require_tasks(["WebFAQRetrieval", "NorQuadRetrieval"], ["deu"])


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
    known = ["NorQuadRetrieval", "SNLRetrieval", "TV2Nordretrieval", "WikipediaRetrievalMultilingual"]
    assert name_of_today(name, [*known, "TwinRetrieval", "Twin"]) == today


def test_a_short_name_is_taken_and_said(mteb: Mteb, caplog: pytest.LogCaptureFixture) -> None:
    (task,) = require_tasks(["NorQuAD"])
    assert task.metadata.name == "NorQuadRetrieval"
    assert "NorQuadRetrieval is taken for it" in caplog.text


def test_an_unknown_task_is_named(mteb: Mteb) -> None:
    with pytest.raises(InputError, match="mteb has no task 'NorQuadRetrival'") as caught:
        require_tasks(["WebFAQRetrieval", "NorQuadRetrival"])
    assert caught.value.hint == "did you mean 'NorQuadRetrieval'?"


def test_what_is_not_retrieved_is_refused(mteb: Mteb) -> None:
    with pytest.raises(InputError, match="MTEB STS12 is a task of STS"):
        require_tasks(["STS12"])


def test_without_tasks_the_package_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    assert require_tasks([]) == []
    with monkeypatch.context() as patched:
        patched.setattr("splade_cli.evaluation.benchmarks.tasks.find_spec", lambda name: None)
        with pytest.raises(InputError, match="need the package mteb"):
            require_tasks(["SNLRetrieval"])
