"""Scores on MTEB tasks: measured, without data, and against mteb's own encoder where mteb is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import ServiceError
from splade_cli.evaluation.benchmarks.results import read_results, write_results
from splade_cli.evaluation.benchmarks.task_scores import TaskScore, require_data, score_tasks
from splade_cli.evaluation.benchmarks.tasks import require_tasks
from splade_cli.model.layout import resolve
from tests.evaluation.benchmarks.stand_in import SCORE, install
from tests.evaluation.benchmarks.test_results import WHEN


def test_scores_of_tasks(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    tasks = require_tasks(["SNLRetrieval", "NorQuadRetrieval"])
    scores = score_tasks(embedder, tasks)
    assert [score.task for score in scores] == ["SNLRetrieval", "NorQuadRetrieval"]
    assert {(score.main_score, score.ndcg, score.languages) for score in scores} == {
        (SCORE, SCORE, ("nob-Latn",))
    }
    assert [task.loads for task in tasks] == [0, 0], "no corpus stays in memory"
    assert score_tasks(embedder, []) == []


def test_data_out_of_reach(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "SNLRetrieval")
    tasks = require_tasks(["NorQuadRetrieval", "SNLRetrieval"])
    expected = "the data of MTEB SNLRetrieval cannot be fetched: no route$"
    with pytest.raises(ServiceError, match=expected):
        require_data(tasks)
    with pytest.raises(ServiceError, match=expected):
        score_tasks(embedder, tasks)
    require_data(tasks[:1])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("splade_cli.evaluation.benchmarks.task_scores.hub_answers", lambda: True)
    require_data(tasks)  # nothing is fetched for a look


def test_means_over_parts() -> None:
    score = TaskScore("T", {"test": [{"ndcg_at_10": 0.2}, {"ndcg_at_10": 0.6}], "dev": [{"ndcg_at_10": 1.0}]})
    assert score.ndcg == pytest.approx(0.6)
    assert score.mean("ndcg_at_10", ["test"]) == pytest.approx(0.4)
    assert score.main_score is None
    assert score.mean("ndcg_at_10", []) is None


@pytest.fixture
def mteb() -> Any:
    return pytest.importorskip("mteb", minversion="2.26")


@pytest.mark.parametrize("name", ["WorkshopRetrieval", "WorkshopReranking"])
def test_against_the_encoder_of_mteb(name: str, mteb: Any, embedder: Any, tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder

    from tests.evaluation.benchmarks import local_task

    (score,) = score_tasks(embedder, [getattr(local_task, name)()])
    encoder = SparseEncoder(resolve("tiny"), device="cpu")
    results = mteb.evaluate(encoder, [getattr(local_task, name)()], cache=None, show_progress_bar=False)
    (expected,) = results.task_results
    assert score.main_score == pytest.approx(expected.get_score())
    assert 0.3 < expected.get_score() < 1
    for ours, theirs in zip(score.parts["test"], expected.scores["test"], strict=True):
        for measure in ("ndcg_at_10", "mrr_at_10", "recall_at_1", "map_at_100", "main_score"):
            assert ours[measure] == pytest.approx(theirs[measure]), measure
    path = write_results(tmp_path, "org/model", [score], WHEN)
    written = mteb.results.TaskResult.from_disk(tmp_path / "org__model" / f"{name}.json")
    assert written.get_score() == score.main_score
    assert read_results(path).tasks[name].ndcg == pytest.approx(score.ndcg)
    assert read_results(tmp_path / "org__model" / f"{name}.json").tasks[name] == score
    assert "nauc" not in path.read_text() and json.loads(path.read_text())[name]["test"]["main_score"]


def test_a_language_of_a_task(mteb: Any, embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tests.evaluation.benchmarks.local_task import WorkshopRetrieval

    registry = sys.modules["mteb.get_tasks"]._TASKS_REGISTRY
    monkeypatch.setitem(registry, "WorkshopRetrieval", WorkshopRetrieval)
    both = score_tasks(embedder, require_tasks(["WorkshopRetrieval"]))[0]
    (danish,) = score_tasks(embedder, require_tasks(["WorkshopRetrieval"], ["dan"]))
    assert (both.languages, danish.languages) == (("nob-Latn", "dan-Latn"), ("dan-Latn",))
    assert danish.parts["test"] == both.parts["test"][1:]
