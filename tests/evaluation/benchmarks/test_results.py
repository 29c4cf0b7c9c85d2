"""Files of results: what is read of reports, of mteb's files and of summaries, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.benchmarks.results import file_name, read_results, write_results
from splade_cli.evaluation.benchmarks.task_scores import TaskScore
from splade_cli.evaluation.report import Report, SystemResult

WHEN = datetime(2026, 1, 2, 3, 4, 5)
OF_MTEB = {
    "task_name": "SNLRetrieval",
    "mteb_version": "2.26.0",
    "dataset_revision": "x",
    "evaluation_time": 3.0,
    "scores": {
        "test": [
            {"ndcg_at_10": 0.5, "main_score": 0.5, "hf_subset": "a", "languages": ["nob-Latn"]},
            {"ndcg_at_10": 0.7, "main_score": 0.7, "hf_subset": "b", "languages": ["nno-Latn"]},
        ]
    },
}


def report(**others: Any) -> Report:
    values = {"nDCG@10": {"q1": 0.5, "q2": 1.0}}
    settings = {"collection": "mini", "split": "test", "documents": 3, "queries": 2, **others}
    return Report(systems=(SystemResult("tiny", {"nDCG@10": 0.75}, values),), **settings)


def written(folder: Path, document: Any) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("document", "ndcg"),
    [
        (OF_MTEB, 0.6),
        ([OF_MTEB], 0.6),
        ({"model_name": "m", "model_revision": "r", "task_results": [OF_MTEB]}, 0.6),
        ({"mteb_dataset_name": "SNLRetrieval", "mteb_version": "1.2", "test": {"ndcg_at_10": 0.4}}, 0.4),
        (
            {
                "mteb_dataset_name": "SNLRetrieval",
                "test": {"evaluation_time": 9, "nb": {"ndcg_at_10": 0.4}, "nn": {"ndcg_at_10": 0.2}},
            },
            0.3,
        ),
        ({"SNLRetrieval": {"test": {"ndcg_at_10": 0.4, "map_at_10": 0.1}}, "Other": {"skipped": "no"}}, 0.4),
        ({"SNLRetrieval": {"SNLRetrieval": {"test": {"ndcg_at_10": 0.4}}}, "Other": {"error": "no"}}, 0.4),
        ({"reports": [report().to_json()], "mteb": {"SNLRetrieval": {"test": {"ndcg_at_10": 0.4}}}}, 0.4),
    ],
)
def test_scores_on_tasks(document: Any, ndcg: float, tmp_path: Path) -> None:
    results = read_results(written(tmp_path, document))
    assert list(results.tasks) == ["SNLRetrieval"]
    assert results.tasks["SNLRetrieval"].ndcg == pytest.approx(ndcg)


def test_reports(tmp_path: Path) -> None:
    other = report(split="dev")
    results = read_results(written(tmp_path, {"reports": [report().to_json(), other.to_json()]}))
    mini = Collection("mini", "dev", [], {}, {})
    assert results.report_on(mini) == other
    assert results.report_on(replace(mini, split="train")) is None
    same = report(fingerprint=mini.fingerprint, collection="a copy")
    found = read_results(written(tmp_path, {"reports": [other.to_json(), same.to_json()]}))
    assert found.report_on(mini) == same
    assert read_results(written(tmp_path, report().to_json())).reports == (report(),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "holds no results"),
        ("3", "holds no results"),
        ('{"a": 1, "b": {"c": "d"}}', "holds no results"),
        ('{"task_name": "SNLRetrieval", "scores": 3}', "holds no results"),
        ('{"task_name": "SNLRetrieval", "scores": {"test": [3]}}', "holds no results"),
        ('{"systems": [], "format": 9}', "no report of format 1"),
        ('{"reports": [3]}', "no report of format 1"),
        ('{"SNLRetrieval": {"test": {"ndcg_at_10": NaN}}}', "holds no results"),
    ],
)
def test_what_is_no_file_of_results(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_results(path)
    assert str(path) in caught.value.message
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path / "nowhere.json")


def test_something_must_be_in_common(tmp_path: Path) -> None:
    document = {"reports": [report().to_json()], "mteb": {"SNLRetrieval": {"test": {"ndcg_at_10": 0.4}}}}
    results = read_results(written(tmp_path, document))
    mini = Collection("mini", "test", [], {}, {})
    results.require_common([mini, replace(mini, name="other")], [])
    results.require_common([], ["TwinRetrieval", "SNLRetrieval"])
    with pytest.raises(InputError, match=r"but on mini \(test\), SNLRetrieval$"):
        results.require_common([replace(mini, split="dev")], ["TwinRetrieval"])


def test_a_summary_is_named_by_the_model(tmp_path: Path) -> None:
    (tmp_path / "run" / "final").mkdir(parents=True)
    score = TaskScore("SNLRetrieval", {"test": [{"ndcg_at_10": 0.2, "main_score": 0.2}, {"ndcg_at_10": 0.4}]})
    path = write_results(tmp_path / "results", str(tmp_path / "run" / "final"), [score], WHEN)
    assert path == tmp_path / "results" / "run_summary_20260102_030405.json"
    assert json.loads(path.read_text()) == {"SNLRetrieval": {"test": {"ndcg_at_10": pytest.approx(0.3)}}}
    assert file_name("org/model") == "org__model"
    assert file_name(str(tmp_path / "run")) == "run"
    assert file_name("tiny") == "tiny"
